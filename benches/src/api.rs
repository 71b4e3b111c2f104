//! How programs write the workloads: once for each interface.
//!
//! | interface | for |
//! |---|---|
//! | [`Traits`] | every runtime of ours, through the current runtime |
//! | [`Tokio`] | tokio, as its users use it |
//! | [`Smol`] | smol, likewise: one static executor, run by several threads |
//!
//! Everything else in a workload is the same code for all.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::Sender;

/// What an echo server reads at most at a time.
const BUFFER: usize = 1024;

/// An interface that tasks are written against.
pub(crate) trait Api: 'static {
    /// Starts a task.
    fn spawn<F>(future: F) -> impl Future<Output: Finished<F::Output>> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static;

    /// Runs a closure on a thread that may block.
    fn unblock<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output: Finished<T>> + Send + 'static;

    /// Reads a file from its beginning to its end, a buffer at a time; answers how much it was.
    fn read_file(path: &Path, buffer: &mut [u8]) -> impl Future<Output = usize> + Send;

    /// Runs a program without arguments to its end; whether it succeeded.
    fn child(program: &'static str) -> impl Future<Output = bool> + Send + 'static;

    /// Echoes what comes from any number of connections, a task for each, and tells where.
    fn serve(address: Sender<SocketAddr>) -> impl Future<Output = ()> + Send + 'static;
}

/// An interface with tasks that stay on their thread.
pub(crate) trait LocalApi: 'static {
    /// Starts one.
    fn spawn_local<F>(future: F) -> impl Future<Output: Finished<F::Output>> + 'static
    where
        F: Future<Output: 'static> + 'static;
}

/// What a join handle gives: the task's output, or that and a reason why not.
pub(crate) trait Finished<T> {
    fn output(self) -> T;
}

impl<T> Finished<T> for T {
    fn output(self) -> T {
        self
    }
}

impl<T, E: Debug> Finished<T> for Result<T, E> {
    fn output(self) -> T {
        self.expect("the task ends well")
    }
}

pub(crate) struct Traits;

impl Api for Traits {
    fn spawn<F>(future: F) -> impl Future<Output: Finished<F::Output>> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        runtime_traits::spawn(future)
    }

    fn unblock<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output: Finished<T>> + Send + 'static {
        runtime_traits::task::spawn_blocking(work)
    }

    async fn read_file(path: &Path, buffer: &mut [u8]) -> usize {
        let file = runtime_traits::fs::File::open(path).await.expect("a file");
        let mut total = 0;
        while let n @ 1.. = file.read(buffer).await.expect("a file can be read") {
            total += n;
        }
        total
    }

    async fn child(program: &'static str) -> bool {
        let status = runtime_traits::process::Command::new(program).status().await;
        status.expect("a child").success()
    }

    async fn serve(address: Sender<SocketAddr>) {
        use runtime_traits::net::{TcpListener, TcpStream};

        async fn echo(stream: TcpStream) {
            let mut buffer = [0; BUFFER];
            while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                stream.write_all(&buffer[..n]).await.expect("the client reads");
            }
        }

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        address.send(listener.local_addr().expect("an address")).expect("a listening client");
        while let Ok((stream, _)) = listener.accept().await {
            drop(runtime_traits::spawn(echo(stream)));
        }
    }
}

impl LocalApi for Traits {
    fn spawn_local<F>(future: F) -> impl Future<Output: Finished<F::Output>> + 'static
    where
        F: Future<Output: 'static> + 'static,
    {
        runtime_traits::task::spawn_local(future)
    }
}

pub(crate) struct Tokio;

impl Api for Tokio {
    fn spawn<F>(future: F) -> impl Future<Output: Finished<F::Output>> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        tokio::spawn(future)
    }

    fn unblock<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output: Finished<T>> + Send + 'static {
        tokio::task::spawn_blocking(work)
    }

    async fn read_file(path: &Path, buffer: &mut [u8]) -> usize {
        use tokio::io::AsyncReadExt;

        let mut file = tokio::fs::File::open(path).await.expect("a file");
        let mut total = 0;
        while let n @ 1.. = file.read(buffer).await.expect("a file can be read") {
            total += n;
        }
        total
    }

    async fn child(program: &'static str) -> bool {
        tokio::process::Command::new(program).status().await.expect("a child").success()
    }

    async fn serve(address: Sender<SocketAddr>) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        use tokio::net::{TcpListener, TcpStream};

        async fn echo(mut stream: TcpStream) {
            let mut buffer = [0; BUFFER];
            while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                stream.write_all(&buffer[..n]).await.expect("the client reads");
            }
        }

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        address.send(listener.local_addr().expect("an address")).expect("a listening client");
        while let Ok((stream, _)) = listener.accept().await {
            drop(tokio::spawn(echo(stream)));
        }
    }
}

impl LocalApi for Tokio {
    fn spawn_local<F>(future: F) -> impl Future<Output: Finished<F::Output>> + 'static
    where
        F: Future<Output: 'static> + 'static,
    {
        tokio::task::spawn_local(future)
    }
}

pub(crate) struct Smol;

/// smol's global executor is made the same way, but the environment sizes it.
pub(crate) static SMOL: smol::Executor<'static> = smol::Executor::new();

impl Api for Smol {
    fn spawn<F>(future: F) -> impl Future<Output: Finished<F::Output>> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        SMOL.spawn(future)
    }

    fn unblock<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output: Finished<T>> + Send + 'static {
        smol::unblock(work)
    }

    async fn read_file(path: &Path, buffer: &mut [u8]) -> usize {
        use smol::io::AsyncReadExt;

        let mut file = smol::fs::File::open(path).await.expect("a file");
        let mut total = 0;
        while let n @ 1.. = file.read(buffer).await.expect("a file can be read") {
            total += n;
        }
        total
    }

    async fn child(program: &'static str) -> bool {
        smol::process::Command::new(program).status().await.expect("a child").success()
    }

    async fn serve(address: Sender<SocketAddr>) {
        use smol::io::{AsyncReadExt, AsyncWriteExt};
        use smol::net::{TcpListener, TcpStream};

        async fn echo(mut stream: TcpStream) {
            let mut buffer = [0; BUFFER];
            while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                stream.write_all(&buffer[..n]).await.expect("the client reads");
            }
        }

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        address.send(listener.local_addr().expect("an address")).expect("a listening client");
        while let Ok((stream, _)) = listener.accept().await {
            SMOL.spawn(echo(stream)).detach();
        }
    }
}
