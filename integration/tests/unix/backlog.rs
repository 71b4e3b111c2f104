//! UNIX-2: a listener whose queue is full. `connect` waits, as std's, or says why not; it never
//! answers `WouldBlock`.
//!
//! BSDs refuse a full queue, as they may; there is nothing to wait for then.
#![cfg(target_os = "linux")]

use std::io::{ErrorKind, Read as _};
use std::os::unix::net::UnixListener as StdListener;
use std::pin::pin;
use std::sync::Arc;

use runtime_traits::Handle;
use runtime_traits::hooks::{Blocking, Info, Runtime, Spawn, Tag};
use runtime_traits::net::unix::UnixStream;

use crate::Dir;
use crate::support::{Gate, announced, on_every_runtime, poll_once, waiting, with_every_runtime};

/// A listener in whose queue there is no room, and who is in it.
async fn full(dir: &Dir) -> (StdListener, Vec<std::os::unix::net::UnixStream>) {
    let listener = StdListener::bind(dir.path("s")).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let mut queued = Vec::new();
    loop {
        // Not by std's, which would wait.
        use rustix::net::*;
        let socket =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None);
        let socket = socket.unwrap();
        match connect(&socket, &SocketAddrUnix::new(dir.path("s")).unwrap()) {
            Ok(()) => queued.push(socket.into()),
            Err(error) => {
                assert_eq!(error, rustix::io::Errno::AGAIN);
                return (listener, queued);
            }
        }
    }
}

/// The runtime, but that no thread of it may block.
struct WithoutBlocking(Handle);

impl Runtime for WithoutBlocking {
    fn tag(&self) -> &Tag {
        self.0.runtime().tag()
    }

    fn info(&self) -> Info {
        self.0.info()
    }

    fn spawner(&self) -> &dyn Spawn {
        self.0.runtime().spawner()
    }

    fn blocking(&self) -> Option<&dyn Blocking> {
        None
    }

    fn inner(&self) -> Option<&dyn Runtime> {
        Some(self.0.runtime())
    }
}

on_every_runtime! {
    async fn connect_waits_for_room() {
        let dir = Dir::new();
        let (listener, queued) = full(&dir).await;
        let mut tasks = Vec::new();
        for _ in 0..3 {
            let (path, waits) = (dir.path("s"), Gate::default());
            let connect = async move { UnixStream::connect(path).await.unwrap() };
            tasks.push(runtime_traits::spawn(announced(waits.clone(), connect)));
            waits.wait().await;
        }
        assert!(tasks.iter().all(|task| !task.is_finished()));
        // As many as were before them, and they.
        let accepting = std::thread::spawn(move || {
            let accepted = (0..queued.len() + 3).map(|_| listener.accept().unwrap().0);
            accepted.collect::<Vec<_>>()
        });
        let mut ours = Vec::new();
        for task in tasks {
            ours.push(task.await.unwrap());
        }
        let accepted = accepting.join().unwrap();
        // They are as any others: non-blocking, and closed when dropped.
        for stream in &ours {
            assert_eq!(stream.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
            stream.write_all(b"x").await.unwrap();
        }
        drop(ours);
        let ended = accepted.into_iter().map(|mut stream| {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            bytes
        });
        assert_eq!(ended.filter(|bytes| bytes == b"x").count(), 3);
    }

    /// Whoever gave up is not in the queue later.
    async fn a_dropped_connect_gives_up() {
        let dir = Dir::new();
        let (listener, queued) = full(&dir).await;
        {
            let mut connect = pin!(UnixStream::connect(dir.path("s")));
            assert!(poll_once(connect.as_mut()).await.is_pending());
        }
        drop(queued);
        drop(listener);
        // It hears that nobody listens any more: nothing holds it up.
        let error = UnixStream::connect(dir.path("s")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    async fn whoever_waits_hears_that_the_listener_has_gone() {
        let dir = Dir::new();
        let (listener, _queued) = full(&dir).await;
        let (path, waits) = (dir.path("s"), Gate::default());
        let connect = announced(waits.clone(), UnixStream::connect(path));
        let connect = runtime_traits::spawn(connect);
        waits.wait().await;
        drop(listener);
        let error = connect.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    async fn without_a_thread_to_wait_on_it_says_so() {
        let dir = Dir::new();
        let (_listener, _queued) = full(&dir).await;
        let without = Handle::from_arc(Arc::new(WithoutBlocking(Handle::current())));
        let error = without.wrap(UnixStream::connect(dir.path("s"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceBusy, "{error}");
    }
}

with_every_runtime! {
    /// The runtime's end is not held up by a queue that nobody empties.
    fn the_end_of_the_runtime_ends_the_wait(start: Start) {
        let (runtime, dir) = (start(), Dir::new());
        let (_listener, _queued) = runtime.block_on(full(&dir));
        let path = dir.path("s");
        let waits = waiting(runtime.handle().wrap(async { UnixStream::connect(path).await }));
        drop(runtime);
        let error = waits.join().unwrap().unwrap_err();
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "{error}");
    }
}
