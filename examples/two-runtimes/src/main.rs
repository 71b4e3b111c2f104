//! Two runtimes in one process. Tasks, timers and sockets belong to the runtime they were made on,
//! whoever awaits them; which one is *current* is a question of where the code runs.
//!
//! Run it with `cargo run -p two-runtimes`. It prints who is current where, and asserts it.

#![forbid(unsafe_code)]

use runtime_traits::net::{TcpListener, TcpStream};
use runtime_traits::time::{Duration, sleep};
use runtime_traits::{Handle, JoinError, io, spawn};

#[runtime_default::main]
async fn main() -> io::Result<()> {
    let default = Handle::current();
    // The second runtime lives as long as this object.
    let owner = runtime_tokio::Runtime::new()?;
    let tokio = owner.handle();
    assert_ne!(default, tokio);

    tasks(&default, &tokio).await?;
    timers(&default, &tokio).await;
    sockets(&default, &tokio).await?;
    wrapped(&tokio).await;
    current_is(&default, "in main, after all that");

    // Ending a runtime waits for its threads, so it is not done in a task.
    runtime_traits::task::spawn_blocking(move || drop(owner)).await?;
    Ok(())
}

/// A task of the other runtime, awaited here; and back again, by name.
async fn tasks(default: &Handle, tokio: &Handle) -> Result<(), JoinError> {
    let (here, there) = (default.clone(), tokio.clone());
    let task = tokio.spawn(async move {
        current_is(&there, "in a task that was spawned there");
        spawn(async move { current_is(&there, "in a task of that task") }).await?;
        runtime_default::spawn(async move { current_is(&here, "in one that it sent back") }).await
    });
    task.await??;
    current_is(default, "after awaiting them");
    Ok(())
}

/// A sleep is timed by the runtime it was made on.
async fn timers(default: &Handle, tokio: &Handle) {
    let theirs = tokio.enter(|| {
        current_is(tokio, "inside Handle::enter");
        sleep(Duration::from_millis(10))
    });
    theirs.await;
    current_is(default, "after a sleep of the other's");
}

/// A listener of one, a client of the other.
async fn sockets(default: &Handle, tokio: &Handle) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let there = tokio.clone();
    let connecting = tokio.spawn(async move {
        let stream = TcpStream::connect(addr).await?;
        current_is(&there, "where the client connects");
        io::Result::Ok(stream)
    });
    let (server, _) = listener.accept().await?;
    // The client's socket is watched by the other's reactor. We read from it here all the same.
    let client = connecting.await??;
    let across = spawn(async move { server.write_all(b"across").await });
    let mut bytes = [0; 6];
    client.read_exact(&mut bytes).await?;
    across.await??;
    assert_eq!(&bytes, b"across");
    current_is(default, "after reading from the other's socket");
    Ok(())
}

/// A future that is polled here, and finds the other one current at every poll.
async fn wrapped(tokio: &Handle) {
    let future = tokio.wrap(async {
        current_is(tokio, "inside Handle::wrap");
        runtime_traits::task::yield_now().await;
        current_is(tokio, "inside Handle::wrap, at the second poll");
    });
    future.await;
}

fn current_is(expected: &Handle, place: &str) {
    let current = Handle::current();
    println!("{:>15} is current {place}", current.info().name);
    assert_eq!(current, *expected);
}
