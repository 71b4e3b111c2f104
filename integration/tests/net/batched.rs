//! `BatchedUdpSocket`: runs of datagrams, ECN marks, addresses; bad input.

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, IoSliceMut};
use std::net::{IpAddr, UdpSocket as StdSocket};
use std::pin::{Pin, pin};
use std::sync::Arc;

use runtime_traits::io;
use runtime_traits::net::{
    BatchedUdpSocket, EcnCodepoint, RecvMeta, SocketAddr, Transmit, UdpSocket,
};

use crate::support::{
    Gate, alone, announced, on_every_runtime, poll_once, waiting, with_every_runtime,
};

async fn bound_at(at: &str) -> (BatchedUdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(at).await.unwrap().into_batched().unwrap();
    let at = socket.local_addr().unwrap();
    (socket, at)
}

async fn bound() -> (BatchedUdpSocket, SocketAddr) {
    bound_at("127.0.0.1:0").await
}

fn std_socket() -> (StdSocket, SocketAddr) {
    let socket = StdSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    (socket, at)
}

/// What one buffer of `room` bytes received.
async fn one(socket: &BatchedUdpSocket, room: usize) -> (Vec<u8>, RecvMeta) {
    let (mut buf, mut meta) = (vec![9; room], [RecvMeta::default()]);
    assert_eq!(socket.recv(&mut [IoSliceMut::new(&mut buf)], &mut meta).await.unwrap(), 1);
    (buf, meta[0])
}

/// The datagrams received until there are `n` of them.
async fn datagrams(socket: &BatchedUdpSocket, n: usize) -> Vec<Vec<u8>> {
    let mut got = Vec::new();
    while got.len() < n {
        let (buf, meta) = one(socket, 65_535).await;
        got.extend(meta.datagrams(&buf).map(<[u8]>::to_vec));
    }
    got
}

/// Bytes that tell each datagram of a run from the others.
fn contents(len: usize, size: usize) -> Vec<u8> {
    (0..len).map(|byte| (byte / size) as u8).collect()
}

on_every_runtime! {
    async fn a_run_arrives_as_its_datagrams() {
        let ((socket, from), (peer, at)) = (bound().await, std_socket());
        let bytes = contents(11_500, 1200);
        let run = Transmit::new(at, &bytes).segment_size(1200);
        assert_eq!(socket.send(&run).await.unwrap(), 11_500);
        for datagram in bytes.chunks(1200) {
            let mut buf = [0; 2000];
            let (n, by) = peer.recv_from(&mut buf).unwrap();
            assert_eq!((&buf[..n], by), (datagram, from));
        }
        assert!(!cfg!(target_os = "linux") || socket.max_gso_segments() > 1);
    }

    async fn a_run_may_come_in_one_buffer() {
        let ((socket, from), (peer, at)) = (bound().await, bound().await);
        let bytes = contents(11_500, 1200);
        socket.send_all(&Transmit::new(at, &bytes).segment_size(1200)).await.unwrap();
        let (buf, meta) = one(&peer, 65_535).await;
        assert_eq!(meta.from(), from);
        if peer.gro_segments() > 1 && socket.max_gso_segments() > 1 {
            assert_eq!((meta.len(), meta.stride()), (11_500, 1200));
            assert!(meta.datagrams(&buf).eq(bytes.chunks(1200)));
        }
    }

    async fn a_long_run_takes_several_calls() {
        let ((socket, _), (peer, at)) = (bound().await, bound().await);
        let bytes = contents(2601, 10);
        socket.send_all(&Transmit::new(at, &bytes).segment_size(10)).await.unwrap();
        assert!(datagrams(&peer, 261).await.iter().map(|bytes| &bytes[..]).eq(bytes.chunks(10)));
    }

    async fn what_there_is_comes_with_one_call() {
        let (socket, at) = bound().await;
        let peers: Vec<_> = (0..5).map(|_| std_socket()).collect();
        for (n, (peer, _)) in peers.iter().enumerate() {
            peer.send_to(&vec![n as u8; n], at).unwrap();
        }
        let (mut bufs, mut meta) = ([[9; 8]; 7], [RecvMeta::default(); 6]);
        let mut got = 0;
        while got < 5 {
            let mut slices: Vec<_> = bufs[got..].iter_mut().map(|buf| IoSliceMut::new(buf)).collect();
            let n = socket.recv(&mut slices, &mut meta[got..]).await.unwrap();
            assert!(n == 5 || !cfg!(target_os = "linux"));
            got += n;
        }
        for (n, (_, from)) in peers.iter().enumerate() {
            assert_eq!((meta[n].from(), meta[n].len()), (*from, n));
            assert!(meta[n].datagrams(&bufs[n]).eq([&vec![n as u8; n][..]]));
        }
        assert_eq!(meta[5], RecvMeta::default());
    }

    async fn marks_and_addresses_travel() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let ((socket, from), (peer, at)) = (bound_at(host).await, bound_at(host).await);
            for ecn in [Some(EcnCodepoint::Ect0), Some(EcnCodepoint::Ect1), None, Some(EcnCodepoint::Ce)] {
                for size in [None, Some(2)] {
                    let transmit = Transmit::new(at, b"bytes").segment_size(size).ecn(ecn);
                    socket.send_all(&transmit.source(from.ip())).await.unwrap();
                    let mut got = Vec::new();
                    while got.len() < 5 {
                        let (buf, meta) = one(&peer, 100).await;
                        assert_eq!((meta.from(), meta.ecn()), (from, ecn), "{host}");
                        assert_eq!(meta.to(), Some(at.ip()));
                        got.extend_from_slice(&buf[..meta.len()]);
                    }
                    assert_eq!(got, b"bytes");
                }
            }
        }
    }

    #[cfg(target_os = "linux")]
    async fn an_answer_comes_from_the_address_that_was_asked() {
        let ((server, at), (client, _)) = (bound_at("0.0.0.0:0").await, std_socket());
        let asked = SocketAddr::from(([127, 0, 0, 2], at.port()));
        client.send_to(b"?", asked).unwrap();
        let meta = one(&server, 10).await.1;
        assert_eq!(meta.to(), Some(asked.ip()));
        server.send(&Transmit::new(meta.from(), b"!").source(meta.to())).await.unwrap();
        assert_eq!(client.recv_from(&mut [0; 8]).unwrap(), (1, asked));
    }

    async fn a_dropped_receive_loses_none_and_a_waiting_one_is_woken() {
        let ((socket, at), (peer, _)) = (bound().await, std_socket());
        let socket = Arc::new(socket);
        for n in 0..20 {
            assert!(poll_once(pin!(one(&socket, 9))).await.is_pending());
            peer.send_to(&[n], at).unwrap();
            drop(one(&socket, 9));
            assert_eq!(datagrams(&socket, 1).await, [[n]]);
        }
        let (receiver, waits) = (socket.clone(), Gate::default());
        let receive = announced(waits.clone(), async move { datagrams(&receiver, 2).await });
        let receive = runtime_traits::spawn(receive);
        waits.wait().await;
        socket.send_all(&Transmit::new(at, b"xy").segment_size(1)).await.unwrap();
        assert_eq!(receive.await.unwrap(), [b"x", b"y"]);
    }

    async fn an_empty_datagram_is_one() {
        let (socket, at) = bound().await;
        for size in [None, Some(0), Some(8)] {
            assert_eq!(socket.send(&Transmit::new(at, b"").segment_size(size)).await.unwrap(), 0);
            assert_eq!(datagrams(&socket, 1).await, [b""]);
        }
        assert_eq!(socket.recv(&mut [], &mut []).await.unwrap(), 0);
        assert_eq!(socket.try_recv(&mut [], &mut [RecvMeta::default()]).unwrap(), 0);
    }

    async fn bad_input_is_an_error() {
        let (socket, at) = bound().await;
        let wrong = [
            Transmit::new(at, b"bytes").segment_size(0),
            Transmit::new(SocketAddr::new(at.ip(), 0), b"bytes"),
            Transmit::new(at, b"bytes").source(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
        ];
        for transmit in wrong {
            let error = socket.send(&transmit).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{transmit:?}");
        }
        let v6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], at.port()));
        socket.send(&Transmit::new(v6, b"bytes")).await.unwrap_err();
        let v4 = bound_at("[::1]:0").await.0.send(&Transmit::new(at, b"bytes")).await;
        v4.unwrap_err();
        socket.send(&Transmit::new(at, &[0; 70_000])).await.unwrap_err();
        socket.send(&Transmit::new(at, &[0; 150_000]).segment_size(70_000)).await.unwrap_err();
        socket.send(&Transmit::new(at, b"bytes").segment_size(1 << 40)).await.unwrap();
        assert_eq!(datagrams(&socket, 1).await, [b"bytes"]);
    }

    /// A source that is not, or no longer, of this host: it alone cannot be used, and neither offload nor
    /// marks end for the others.
    async fn what_is_wrong_with_one_transmit_is_no_news_of_the_socket() {
        for (host, nobody) in [
            ("127.0.0.1:0", IpAddr::from([192, 0, 2, 1])),
            ("[::1]:0", IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])),
        ] {
            let (socket, at) = bound_at(host).await;
            let (offload, mark) = (socket.max_gso_segments(), EcnCodepoint::Ce);
            for size in [None, Some(2)] {
                let transmit = Transmit::new(at, b"bytes").segment_size(size).source(nobody);
                socket.send(&transmit).await.unwrap_err();
                assert_eq!(socket.max_gso_segments(), offload, "{host}");
            }
            socket.send(&Transmit::new(at, b"bytes").source(at.ip()).ecn(mark)).await.unwrap();
            let (buf, meta) = one(&socket, 100).await;
            assert_eq!((&buf[..meta.len()], meta.ecn()), (&b"bytes"[..], Some(mark)));
        }
    }

    #[cfg(target_os = "linux")]
    async fn what_does_not_fit_is_cut_off_and_suspected() {
        let ((socket, at), (peer, _)) = (bound().await, std_socket());
        for len in [11, 10, 9] {
            peer.send_to(&vec![1; len], at).unwrap();
            let (buf, meta) = one(&socket, 10).await;
            assert_eq!((meta.len(), meta.may_be_truncated(10)), (len.min(10), len >= 10));
            assert!(meta.datagrams(&buf).eq([&vec![1; len.min(10)][..]]));
        }
        peer.send_to(b"x", at).unwrap();
        let (_, meta) = one(&socket, 0).await;
        assert!(meta.len() == 0 && meta.may_be_truncated(0));
    }

    /// UDP-2, also where it stops a run half-way.
    #[cfg(target_os = "linux")]
    async fn news_of_a_peer_is_told() {
        let (gone, nowhere) = std_socket();
        drop(gone);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(nowhere).await.unwrap();
        let socket = socket.into_batched().unwrap();
        let bytes = contents(2600, 10);
        loop {
            match socket.send(&Transmit::new(nowhere, &bytes).segment_size(10)).await {
                Ok(sent) => assert!(sent > 0 && sent % 10 == 0, "{sent}"),
                Err(error) => break assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
            }
        }
        while socket.take_error().unwrap().is_some() {}
        let would_block = socket.try_recv(&mut [IoSliceMut::new(&mut [0])], &mut [RecvMeta::default()]);
        assert_eq!(would_block.unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    /// What a QUIC library asks of a socket: to try, to be told when to try again, to poll.
    async fn a_library_that_polls_can_use_it() {
        type Room = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;
        let (socket, at) = bound().await;
        let socket = Arc::new(socket);
        let shared = socket.clone();
        let mut room: Room = Box::pin(async move { shared.writable().await });
        poll_fn(|cx| room.as_mut().poll(cx)).await.unwrap();
        poll_fn(|cx| socket.poll_writable(cx)).await.unwrap();
        socket.try_send(&Transmit::new(at, b"1")).unwrap();
        poll_fn(|cx| socket.poll_send(cx, &Transmit::new(at, b"2"))).await.unwrap();
        let (mut buf, mut meta) = ([0; 9], [RecvMeta::default()]);
        for byte in [b"1", b"2"] {
            let mut bufs = [IoSliceMut::new(&mut buf)];
            assert_eq!(poll_fn(|cx| socket.poll_recv(cx, &mut bufs, &mut meta)).await.unwrap(), 1);
            assert!(meta[0].datagrams(&buf).eq([byte]));
        }
    }
}

with_every_runtime! {
    /// SHUTDOWN-4
    fn a_socket_hears_of_the_end_of_its_runtime(start: Start) {
        let runtime = start();
        let (socket, at) = runtime.block_on(bound());
        let socket = Arc::new(socket);
        let receiver = socket.clone();
        let receive = waiting(async move {
            receiver.recv(&mut [IoSliceMut::new(&mut [0])], &mut [RecvMeta::default()]).await
        });
        drop(runtime);
        assert_eq!(receive.join().unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
        let late = Transmit::new(at, b"late");
        assert_eq!(socket.try_send(&late).unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(alone(socket.send_all(&late)).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
