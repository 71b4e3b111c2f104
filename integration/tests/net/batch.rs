//! UDP-5: batches.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;

use runtime_traits::net::{Arrival, Outgoing, SocketAddr, UdpSocket};

use crate::support::{Gate, announced, on_every_runtime, poll_once};

async fn bound() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    (socket, at)
}

/// Receives `n` datagrams, by batches of at most `places`.
async fn received(socket: &UdpSocket, n: usize, places: usize) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut got = Vec::new();
    while got.len() < n {
        let mut bufs = vec![[9; 2000]; places];
        let mut batch: Vec<_> = bufs.iter_mut().map(|buf| Arrival::new(buf)).collect();
        let count = socket.recv_batch(&mut batch).await.unwrap();
        assert!((1..=places).contains(&count), "{count}");
        let (filled, rest) = batch.split_at(count);
        assert!(rest.iter().all(|place| place.bytes().is_empty() && place.from().is_none()));
        got.extend(filled.iter().map(|one| (one.bytes().to_vec(), one.from().unwrap())));
    }
    got
}

on_every_runtime! {
    async fn batches_keep_bounds_and_order() {
        let ((one, from), (two, at)) = (bound().await, bound().await);
        let datagrams: Vec<_> =
            [0, 1, 0, 0, 1400, 7, 0].iter().cycle().take(21).enumerate()
                .map(|(n, len)| vec![n as u8; *len]).collect();
        for places in [1, 4, 64] {
            let batch: Vec<_> = datagrams.iter().map(|bytes| Outgoing::new(bytes).to(at)).collect();
            let mut rest = &batch[..];
            while !rest.is_empty() {
                rest = &rest[one.send_batch(rest).await.unwrap()..];
            }
            let got = received(&two, datagrams.len(), places).await;
            assert!(got.iter().all(|(_, by)| *by == from));
            assert!(got.into_iter().map(|(bytes, _)| bytes).eq(datagrams.iter().cloned()));
        }
    }

    async fn nothing_is_moved_by_a_batch_of_none() {
        let (socket, at) = bound().await;
        assert_eq!(socket.send_batch(&[]).await.unwrap(), 0);
        assert_eq!(socket.recv_batch(&mut []).await.unwrap(), 0);
        socket.send_to(b"x", at).await.unwrap();
        assert_eq!(socket.recv_batch(&mut []).await.unwrap(), 0);
        assert_eq!(received(&socket, 1, 1).await, [(b"x".to_vec(), at)]);
    }

    async fn one_call_moves_no_more_than_it_says() {
        let (socket, at) = bound().await;
        let batch = vec![Outgoing::new(b"x").to(at); 100];
        assert!((1..=64).contains(&socket.send_batch(&batch).await.unwrap()));
    }

    /// It waits for the first, and takes what is there then.
    async fn a_batch_waits_for_its_first_and_a_dropped_one_loses_none() {
        let (socket, at) = bound().await;
        let socket = Arc::new(socket);
        for n in 0..20 {
            let (mut first, mut second) = ([0; 4], [0; 4]);
            let mut places = [Arrival::new(&mut first), Arrival::new(&mut second)];
            assert!(poll_once(pin!(socket.recv_batch(&mut places))).await.is_pending());
            socket.send_batch(&[Outgoing::new(&[n]).to(at)]).await.unwrap();
            drop(socket.recv_batch(&mut places));
            assert_eq!(received(&socket, 1, 4).await, [(vec![n], at)]);
        }
        let (receiver, waits) = (socket.clone(), Gate::default());
        let receive = async move { received(&receiver, 1, 4).await };
        let receive = runtime_traits::spawn(announced(waits.clone(), receive));
        waits.wait().await;
        socket.send_to(b"x", at).await.unwrap();
        assert_eq!(receive.await.unwrap(), [(b"x".to_vec(), at)]);
    }

    /// UDP-2: the news of a peer that cannot be reached is told, though a batch had begun.
    #[cfg(target_os = "linux")]
    async fn an_error_half_way_is_told() {
        let (socket, _) = bound().await;
        let (gone, nowhere) = bound().await;
        drop(gone);
        socket.connect(nowhere).await.unwrap();
        let batch = [Outgoing::new(b"1"), Outgoing::new(b"2"), Outgoing::new(b"3")];
        // The system may be late with its news, but two calls do not miss it.
        let mut told = 0;
        while told == 0 {
            match socket.send_batch(&batch).await {
                Ok(sent) => assert!((1..=3).contains(&sent)),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                    told += 1;
                }
            }
        }
        while socket.take_error().unwrap().is_some() {}
        let (peer, at) = bound().await;
        socket.connect(at).await.unwrap();
        assert_eq!(socket.send_batch(&batch).await.unwrap(), 3);
        let got = received(&peer, 3, 8).await;
        assert!(got.iter().map(|(bytes, _)| &**bytes).eq([b"1", b"2", b"3"]));
    }
}
