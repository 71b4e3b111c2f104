//! Children of a runtime's own making: a decorator that answers the hook.

use std::future::Future;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::process::{self, ExitStatus};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use runtime_traits::hooks::{
    ByteStream, ChildObject, Info, Pipe, Process, ReadCursor, Runtime, Spawn, Tag,
};
use runtime_traits::io::{self, Async};
use runtime_traits::process::{Command, Stdio};
use runtime_traits::{Handle, spawn};

use crate::support::{Drops, Gate, Probe, announced, with_every_runtime};

/// A runtime that starts `hosted` its own way, and nothing else.
struct Host {
    inner: Handle,
    drops: Drops,
    kills: Drops,
}

/// A process that there is not: it exits when its input says how.
struct Hosted {
    stdin: Mutex<Option<Box<dyn ByteStream>>>,
    far: Async<UnixStream>,
    status: Mutex<Option<ExitStatus>>,
    kills: Drops,
    _probe: Probe,
}

impl Runtime for Host {
    fn tag(&self) -> &Tag {
        self.inner.runtime().tag()
    }
    fn info(&self) -> Info {
        self.inner.info()
    }
    fn spawner(&self) -> &dyn Spawn {
        self.inner.runtime().spawner()
    }
    fn process(&self) -> Option<&dyn Process> {
        Some(self)
    }
    fn inner(&self) -> Option<&dyn Runtime> {
        Some(self.inner.runtime())
    }
}

impl Process for Host {
    fn spawn(&self, command: &mut process::Command) -> Option<io::Result<Arc<dyn ChildObject>>> {
        (command.get_program() == "hosted").then(|| {
            let (near, far) = UnixStream::pair()?;
            let near: Box<dyn ByteStream> = Box::new(Async::new_on(&self.inner, near)?);
            Ok(Arc::new(Hosted {
                stdin: Mutex::new(Some(near)),
                far: Async::new_on(&self.inner, far)?,
                status: Mutex::default(),
                kills: self.kills.clone(),
                _probe: self.drops.probe(),
            }) as Arc<dyn ChildObject>)
        })
    }
}

impl ChildObject for Hosted {
    fn id(&self) -> u32 {
        7
    }
    fn poll_wait(&self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        loop {
            if let Some(status) = self.try_wait()? {
                return Poll::Ready(Ok(status));
            }
            match self.far.poll_readable(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
    fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        let mut status = self.status.lock().unwrap();
        let mut byte = [0];
        match io::Read::read(&mut self.far.get_ref(), &mut byte) {
            Ok(n) if status.is_none() => {
                let code = if n == 0 { 0 } else { i32::from(byte[0]) };
                *status = Some(std::os::unix::process::ExitStatusExt::from_raw(code << 8));
            }
            _ => {}
        }
        Ok(*status)
    }
    fn kill(&self) -> io::Result<()> {
        drop(self.kills.probe());
        Ok(())
    }
    fn take(&self, pipe: Pipe) -> Option<Box<dyn ByteStream>> {
        if pipe == Pipe::Stdin { self.stdin.lock().unwrap().take() } else { None }
    }
}

with_every_runtime! {
    fn a_runtime_may_start_children_its_own_way(start: Start) {
        let owner = start();
        let (drops, kills) = (Drops::default(), Drops::default());
        let host = Host { inner: owner.handle(), drops: drops.clone(), kills: kills.clone() };
        let host = Handle::from_arc(Arc::new(host));
        owner.block_on(host.wrap(async {
            let mut child = Command::new("hosted").spawn().unwrap();
            assert_eq!((child.id(), child.try_wait().unwrap()), (7, None));
            assert!(child.stdout.is_none() && child.stderr.is_none());
            let stdin = child.stdin.take().unwrap();
            let gate = Gate::default();
            let wait = announced(gate.clone(), async move { (child.wait().await, child) });
            let wait = spawn(wait);
            gate.wait().await;
            stdin.write_all(&[5]).await.unwrap();
            let (status, mut child) = wait.await.unwrap();
            assert_eq!(status.unwrap().code(), Some(5));
            assert_eq!(child.wait().await.unwrap().code(), Some(5));
            child.kill().unwrap();
            assert_eq!((drops.get(), kills.get()), (0, 1));
            drop(child);
            assert_eq!(drops.get(), 1);
            // A stream need not have a descriptor that can be given away.
            assert_eq!(stdin.into_std().unwrap_err().kind(), io::ErrorKind::Unsupported);

            // `wait` closes the input; `kill_on_drop` kills.
            let mut child = Command::new("hosted").kill_on_drop(true).spawn().unwrap();
            assert!(child.wait().await.unwrap().success());
            drop(child);
            assert_eq!((drops.get(), kills.get()), (2, 2));

            // Whatever is not the host's is the system's.
            let (near, far) = UnixStream::pair().unwrap();
            let mut child = Command::new("cat");
            let mut child = child.stdin(OwnedFd::from(near)).stdout(Stdio::null()).spawn().unwrap();
            assert_ne!(child.id(), 7);
            drop(far);
            assert!(child.wait().await.unwrap().success());
        }));
    }
}

/// A runtime all of whose children are stubborn.
struct Office(Handle);

/// A process that there is not. It exits when both its outputs are closed, and cannot be killed.
struct Stubborn {
    closed: [Gate; 2],
    wait: Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// Our end of an output: the first fails, the second ends when the first is closed.
struct Output {
    end: Option<Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    closed: Gate,
}

impl Drop for Output {
    fn drop(&mut self) {
        self.closed.open();
    }
}

impl Runtime for Office {
    fn tag(&self) -> &Tag {
        self.0.runtime().tag()
    }
    fn info(&self) -> Info {
        self.0.info()
    }
    fn spawner(&self) -> &dyn Spawn {
        self.0.runtime().spawner()
    }
    fn process(&self) -> Option<&dyn Process> {
        Some(self)
    }
    fn inner(&self) -> Option<&dyn Runtime> {
        Some(self.0.runtime())
    }
}

impl Process for Office {
    fn spawn(&self, _: &mut process::Command) -> Option<io::Result<Arc<dyn ChildObject>>> {
        let closed = [Gate::default(), Gate::default()];
        let [one, other] = closed.clone();
        let both = async move {
            one.wait().await;
            other.wait().await;
        };
        Some(Ok(Arc::new(Stubborn { closed, wait: Mutex::new(Box::pin(both)) })))
    }
}

impl ChildObject for Stubborn {
    fn id(&self) -> u32 {
        8
    }
    fn poll_wait(&self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        self.wait.lock().unwrap().as_mut().poll(cx).map(|()| Ok(ExitStatus::default()))
    }
    fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        Ok(None)
    }
    fn kill(&self) -> io::Result<()> {
        Ok(())
    }
    fn take(&self, pipe: Pipe) -> Option<Box<dyn ByteStream>> {
        let [stdout, stderr] = self.closed.clone();
        match pipe {
            Pipe::Stdout => Some(Box::new(Output { end: None, closed: stdout })),
            Pipe::Stderr => {
                let end = async move { stdout.wait().await };
                Some(Box::new(Output { end: Some(Mutex::new(Box::pin(end))), closed: stderr }))
            }
            _ => None,
        }
    }
}

impl ByteStream for Output {
    fn poll_read(&self, cx: &mut Context<'_>, _: &mut ReadCursor<'_>) -> Poll<io::Result<()>> {
        match &self.end {
            Some(end) => end.lock().unwrap().as_mut().poll(cx).map(Ok),
            None => Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
        }
    }
    fn poll_write(&self, _: &mut Context<'_>, _: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(&self, _: Shutdown, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

with_every_runtime! {
    /// An output that cannot be read is closed, or its child would wait for a reader.
    fn collecting_ends_though_an_output_fails(start: Start) {
        let owner = start();
        let office = Handle::from_arc(Arc::new(Office(owner.handle())));
        owner.block_on(office.wrap(async {
            let child = Command::new("any").spawn().unwrap();
            let error = child.wait_with_output().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }));
    }
}
