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
use std::sync::mpsc::Sender;

/// What an echo server reads at most at a time.
const BUFFER: usize = 1024;

/// An interface that tasks are written against.
pub(crate) trait Api: 'static {
    /// Starts a task.
    fn spawn<F>(future: F) -> impl Future<Output: Finished<F::Output>> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static;

    /// Echoes what comes from any number of connections, a task for each, and tells where.
    fn serve(address: Sender<SocketAddr>) -> impl Future<Output = ()> + Send + 'static;
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

pub(crate) struct Tokio;

impl Api for Tokio {
    fn spawn<F>(future: F) -> impl Future<Output: Finished<F::Output>> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        tokio::spawn(future)
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
