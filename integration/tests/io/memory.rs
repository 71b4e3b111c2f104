//! Connections in memory, copying both ways, and reads into fresh memory.

use std::mem::MaybeUninit;
use std::pin::pin;
use std::task::Poll;

use runtime_traits::io::{
    self, AsyncReadExt as _, AsyncReadUninit as _, AsyncWriteExt as _, Duplex, copy_bidirectional,
    duplex,
};
use runtime_traits::net::Shutdown;
use runtime_traits::spawn;
use runtime_traits::task::TaskGroup;

use crate::objects::numbered;
use crate::support::{Gate, Random, announced, on_every_runtime, pair, poll_once};

/// Sends `len` bytes in random pieces, then closes.
async fn send(mut to: impl io::AsyncWrite + Unpin, len: usize, seed: u64) {
    let (mut random, mut place) = (Random(seed), 0);
    while place < len {
        let piece = random.up_to(5000).min(len - place);
        to.write_all(&numbered(place, piece)).await.unwrap();
        place += piece;
    }
    to.close().await.unwrap();
}

/// Receives until the end, with random room.
async fn receive(mut from: impl io::AsyncRead + Unpin, seed: u64) -> Vec<u8> {
    let (mut random, mut all) = (Random(seed), Vec::new());
    loop {
        let mut buf = vec![0; random.up_to(5000)];
        match from.read(&mut buf).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

on_every_runtime! {
    async fn io_11_both_ways_of_a_duplex_keep_order() {
        for capacity in [1, 7, 4096, 1 << 20] {
            let len = if capacity == 1 { 3000 } else { 200_000 };
            let (a, b) = duplex(capacity);
            let mut tasks = TaskGroup::new();
            for (end, seed) in [(a, 1), (b, 2)] {
                let (reader, writer) = io::split(end);
                tasks.spawn(send(writer, len, seed));
                tasks.spawn(async move {
                    assert!(receive(reader, seed + 2).await == numbered(0, len));
                });
            }
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap();
            }
        }
    }

    async fn io_11_those_who_wait_are_woken() {
        let (mut a, mut b) = duplex(1);
        let waits = Gate::default();
        let reader = spawn(announced(waits.clone(), async move {
            let mut buf = [0; 2];
            b.read_exact(&mut buf).await.unwrap();
            assert_eq!(b.read(&mut buf).await.unwrap(), 0, "the other end is gone");
            (b, buf)
        }));
        waits.wait().await;
        a.write_all(b"ab").await.unwrap();
        drop(a);
        let (b, buf) = reader.await.unwrap();
        assert_eq!(buf, *b"ab");
        drop(b);

        let (mut a, b) = duplex(1);
        let waits = Gate::default();
        let writer = spawn(announced(waits.clone(), async move { a.write_all(b"ab").await }));
        waits.wait().await;
        drop(b);
        assert_eq!(writer.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    async fn io_11_a_shared_end_serves_many() {
        let (a, mut b) = duplex(3);
        let a = std::sync::Arc::new(a);
        let mut writers = TaskGroup::new();
        for n in 0..10_u8 {
            let a = a.clone();
            writers.spawn(async move { (&*a).write_all(&[n; 100]).await.unwrap() });
        }
        let mut all = vec![0; 1000];
        b.read_exact(&mut all).await.unwrap();
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
        all.sort_unstable();
        assert!(all.chunks(100).enumerate().all(|(n, chunk)| chunk.iter().all(|b| *b == n as u8)));
    }

    async fn io_11_a_dropped_read_or_write_moves_nothing() {
        let (mut a, mut b) = duplex(2);
        let mut buf = [0; 2];
        assert!(poll_once(pin!(b.read(&mut buf))).await.is_pending());
        a.write_all(b"ab").await.unwrap();
        assert!(poll_once(pin!(a.write(b"x"))).await.is_pending());
        b.read_exact(&mut buf).await.unwrap();
        assert_eq!(buf, *b"ab");
        assert!(poll_once(pin!(b.read(&mut buf))).await.is_pending());
    }

    async fn a_busy_duplex_gives_way() {
        // A task's: the main future may have no budget.
        let task = spawn(async {
            let (mut a, mut b) = duplex(1);
            let mut busy = pin!(async {
                for _ in 0..1_000_000 {
                    a.write_all(b"x").await.unwrap();
                    b.read_exact(&mut [0]).await.unwrap();
                }
            });
            poll_once(busy.as_mut()).await.is_pending()
        });
        assert!(task.await.unwrap(), "it ran through in one poll");
    }

    async fn io_11_a_proxy_passes_all_and_ends_each_way_by_itself() {
        let ((client, outside), (inside, server)) = (pair().await, pair().await);
        let proxy = spawn(async move { copy_bidirectional(&outside, &inside).await.unwrap() });
        let served = spawn(async move {
            // Answers after the end of the request.
            let request = receive(&server, 1).await;
            send(&server, request.len() / 2, 2).await;
            request
        });
        send(&client, 300_000, 3).await;
        assert!(receive(&client, 4).await == numbered(0, 150_000));
        assert!(served.await.unwrap() == numbered(0, 300_000));
        assert_eq!(proxy.await.unwrap(), (300_000, 150_000));
    }

    async fn io_11_a_proxy_works_over_any_streams() {
        let ((mut client, outside), (inside, mut server)) = (duplex(10), pair().await);
        let mut proxy = pin!(copy_bidirectional(outside, inside));
        assert!(poll_once(proxy.as_mut()).await.is_pending());
        let talk = async {
            client.write_all(b"ping").await.unwrap();
            let mut four = [0; 4];
            server.read_exact(&mut four).await.unwrap();
            assert_eq!(four, *b"ping");
            server.write_all(b"pong").await.unwrap();
            client.read_exact(&mut four).await.unwrap();
            assert_eq!(four, *b"pong");
            server.shutdown(Shutdown::Write).await.unwrap();
            assert_eq!(client.read(&mut four).await.unwrap(), 0);
            client.close().await.unwrap();
            assert_eq!(io::AsyncReadExt::read(&mut server, &mut four).await.unwrap(), 0);
        };
        let ((), counts) = futures_lite::future::zip(talk, proxy).await;
        assert_eq!(counts.unwrap(), (4, 4));
    }

    async fn a_proxy_tells_the_first_error() {
        let ((client, outside), (inside, server)) = (duplex(10), duplex(10));
        drop(server);
        let mut client: Duplex = client;
        client.write_all(b"to nobody").await.unwrap();
        let error = copy_bidirectional(outside, inside).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    async fn fresh_memory_is_read_into_from_any_stream() {
        let (mut ours, theirs) = pair().await;
        theirs.write_all(&numbered(0, 9)).await.unwrap();
        let mut bytes = vec![1];
        bytes.reserve_exact(4);
        while bytes.len() < 10 {
            assert!(ours.read_append(&mut bytes).await.unwrap() > 0);
        }
        assert_eq!(bytes[1..], numbered(0, 9));
        assert!(ours.is_read_vectored());
        let (mut reader, mut writer) = io::split(theirs);
        send(&mut writer, 0, 0).await;
        assert_eq!(ours.read_append(&mut bytes).await.unwrap(), 0);
        ours.write_all(b"abc").await.unwrap();
        let mut room = [MaybeUninit::uninit(); 2];
        assert_eq!(reader.read_uninit(&mut room).await.unwrap(), 2);
        let mut ended = io::BufReader::new(reader);
        assert_eq!(ended.read_append(&mut bytes).await.unwrap(), 1);
        let Poll::Pending = poll_once(pin!(ended.read_append(&mut bytes))).await else {
            panic!("there is no more");
        };
        assert_eq!(bytes.last(), Some(&b'c'));
    }
}
