//! No descriptors are left (TCP-6, for Unix sockets).

use std::io::{Read as _, Write as _};

use runtime_traits::net::unix::{UnixDatagram, UnixListener, UnixStream};

use crate::Dir;
use crate::support::{Gate, announced, with_every_runtime};

#[path = "../support/limits.rs"]
mod limit;
use limit::{Exhausted, in_a_child, is_limit};

async fn everything_meets_the_limit() {
    let dir = Dir::new();
    let listener = UnixListener::bind(dir.path("s")).unwrap();
    let mut clients: Vec<_> = (0..5)
        .map(|n| {
            let mut client = std::os::unix::net::UnixStream::connect(dir.path("s")).unwrap();
            client.write_all(&[n]).unwrap();
            client
        })
        .collect();
    let (early, _) = listener.accept().await.unwrap();
    let receiver = UnixDatagram::bind(dir.path("d")).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    while sender.try_send_to(b"x", dir.path("d")).is_ok() {}

    let exhausted = Exhausted::new();
    for _ in 0..3 {
        assert!(is_limit(&listener.accept().await.unwrap_err()));
    }
    assert!(is_limit(&UnixStream::connect(dir.path("s")).await.unwrap_err()));
    assert!(is_limit(&UnixStream::pair().unwrap_err()));
    assert!(is_limit(&UnixListener::bind(dir.path("t")).unwrap_err()));
    assert!(is_limit(&UnixDatagram::unbound().unwrap_err()));
    // Waiting for room takes a descriptor.
    assert!(is_limit(&sender.send_to(b"x", dir.path("d")).await.unwrap_err()));
    let mut byte = [9];
    early.read_exact(&mut byte).await.unwrap();
    assert_eq!(byte, [0]);
    drop(exhausted);

    // None of those that waited is lost.
    for n in 1..5 {
        let (stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, [n]);
        stream.write_all(&byte).await.unwrap();
        clients[usize::from(n)].read_exact(&mut byte).unwrap();
    }
    receiver.recv(&mut byte).await.unwrap();
    sender.send_to(b"x", dir.path("d")).await.unwrap();
    // And it waits for new ones as before.
    let waits = Gate::default();
    let next = announced(waits.clone(), async move { listener.accept().await });
    let next = runtime_traits::spawn(next);
    waits.wait().await;
    let _client = std::os::unix::net::UnixStream::connect(dir.path("s")).unwrap();
    next.await.unwrap().unwrap();
}

with_every_runtime! {
    fn whatever_needs_a_descriptor_says_so_and_recovers(start: Start) {
        in_a_child(|| start().block_on(everything_meets_the_limit()));
    }
}
