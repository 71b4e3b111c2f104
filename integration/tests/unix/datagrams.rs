//! UNIX-3: datagrams keep their bounds, wait for room, and hear that the receiver has gone.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use runtime_traits::net::Shutdown;
use runtime_traits::net::unix::UnixDatagram;

use crate::Dir;
use crate::support::{Gate, announced, on_every_runtime, poll_once};

/// Sends numbers until the next would wait; answers how many there were.
fn fill(mut send: impl FnMut(&[u8]) -> std::io::Result<usize>) -> u32 {
    for n in 0_u32.. {
        match send(&n.to_be_bytes()) {
            Ok(len) => assert_eq!(len, 4),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                return n;
            }
        }
    }
    unreachable!("a queue has an end")
}

async fn number(socket: &UnixDatagram) -> u32 {
    let mut bytes = [0; 4];
    assert_eq!(socket.recv(&mut bytes).await.unwrap(), 4);
    u32::from_be_bytes(bytes)
}

on_every_runtime! {
    async fn datagrams_keep_their_bounds() {
        let dir = Dir::new();
        let one = UnixDatagram::bind(dir.path("1")).unwrap();
        let two = UnixDatagram::bind(dir.path("2")).unwrap();
        for len in [0, 1, 0, 0, 1400, 0, 60_000] {
            let bytes = vec![7; len];
            assert_eq!(one.send_to(&bytes, dir.path("2")).await.unwrap(), len);
            let mut buf = vec![9; 70_000];
            assert_eq!(two.peek_from(&mut buf).await.unwrap().0, len);
            let (n, from) = two.recv_from(&mut buf).await.unwrap();
            assert_eq!((n, &buf[..n]), (len, &*bytes));
            assert_eq!(from.as_pathname(), Some(&*dir.path("1")));
            // And back to where it came from.
            two.send_to_addr(b"back", &from).await.unwrap();
            assert_eq!(one.recv(&mut buf).await.unwrap(), 4);
        }
        assert_eq!(two.try_recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        // What does not fit is cut off, and the next starts afresh.
        one.connect(dir.path("2")).unwrap();
        assert_eq!(one.peer_addr().unwrap().as_pathname(), Some(&*dir.path("2")));
        assert_eq!(one.try_send(b"too long").unwrap(), 8);
        assert_eq!(one.try_send_to(b"next", dir.path("2")).unwrap(), 4);
        let mut buf = [0; 3];
        assert_eq!(two.recv(&mut buf).await.unwrap(), 3);
        assert_eq!(two.peek(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf, b"nex");
        assert_eq!(two.recv(&mut []).await.unwrap(), 0);
        assert_eq!(two.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        // Who has no name is answered by none.
        let unbound = UnixDatagram::unbound().unwrap();
        assert!(unbound.local_addr().unwrap().is_unnamed());
        unbound.send_to(b"x", dir.path("2")).await.unwrap();
        assert!(two.recv_from(&mut buf).await.unwrap().1.is_unnamed());
    }

    async fn a_dropped_receive_loses_no_datagram() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        for n in 0..50_u32 {
            assert!(poll_once(pin!(ours.recv(&mut [0; 4]))).await.is_pending());
            theirs.send(&n.to_be_bytes()).await.unwrap();
            drop(ours.recv(&mut [0; 4]));
            ours.readable().await.unwrap();
            assert_eq!(number(&ours).await, n);
        }
    }

    async fn several_receive_by_one_socket() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let ours = Arc::new(ours);
        let mut receivers = Vec::new();
        for _ in 0..8 {
            let (ours, waits) = (ours.clone(), Gate::default());
            let receive = async move { number(&ours).await };
            receivers.push(runtime_traits::spawn(announced(waits.clone(), receive)));
            waits.wait().await;
        }
        for n in 0..8_u32 {
            theirs.send(&n.to_be_bytes()).await.unwrap();
        }
        let mut got = Vec::new();
        for receiver in receivers {
            got.push(receiver.await.unwrap());
        }
        got.sort_unstable();
        assert_eq!(got, (0..8).collect::<Vec<_>>());
    }

    /// The wake comes from the other side: the receiver takes one away.
    async fn a_connected_sender_waits_for_room() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let full = fill(|bytes| ours.try_send(bytes));
        let ours = Arc::new(ours);
        let mut senders = Vec::new();
        for n in full..full + 3 {
            let (ours, waits) = (ours.clone(), Gate::default());
            let send = async move { ours.send(&n.to_be_bytes()).await.unwrap() };
            senders.push(runtime_traits::spawn(announced(waits.clone(), send)));
            waits.wait().await;
        }
        assert!(senders.iter().all(|sender| !sender.is_finished()));
        // A receiver that blocks, and knows no runtime.
        let theirs = std::os::unix::net::UnixDatagram::try_from(theirs).unwrap();
        let receiving = std::thread::spawn(move || {
            let mut got: Vec<_> = (0..full + 3)
                .map(|_| {
                    let mut bytes = [0; 4];
                    theirs.recv(&mut bytes).unwrap();
                    u32::from_be_bytes(bytes)
                })
                .collect();
            got[full as usize..].sort_unstable(); // who waited has no order
            got
        });
        for sender in senders {
            sender.await.unwrap();
        }
        assert_eq!(receiving.join().unwrap(), (0..full + 3).collect::<Vec<_>>());
    }

    /// To an address, which the poller does not look at.
    #[cfg(target_os = "linux")]
    async fn a_sender_to_an_address_waits_for_room() {
        let dir = Dir::new();
        let theirs = UnixDatagram::bind(dir.path("s")).unwrap();
        let ours = Arc::new(UnixDatagram::unbound().unwrap());
        let full = fill(|bytes| ours.try_send_to(bytes, dir.path("s")));
        let mut senders = Vec::new();
        for n in full..full + 3 {
            let (ours, path, waits) = (ours.clone(), dir.path("s"), Gate::default());
            let send = async move { ours.send_to(&n.to_be_bytes(), path).await.unwrap() };
            senders.push(runtime_traits::spawn(announced(waits.clone(), send)));
            waits.wait().await;
        }
        // One that gives up sends nothing.
        {
            let mut send = pin!(ours.send_to(&[9; 4], dir.path("s")));
            assert!(poll_once(send.as_mut()).await.is_pending());
        }
        assert!(senders.iter().all(|sender| !sender.is_finished()));
        let mut got = Vec::new();
        for _ in 0..full + 3 {
            got.push(number(&theirs).await);
        }
        for sender in senders {
            sender.await.unwrap();
        }
        got.sort_unstable();
        assert_eq!(got, (0..full + 3).collect::<Vec<_>>());
        assert_eq!(theirs.try_recv(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    /// A receiver that is connected to us has no limit but our own buffer.
    #[cfg(target_os = "linux")]
    async fn a_sender_whose_own_buffer_is_full_waits_too() {
        let dir = Dir::new();
        let theirs = UnixDatagram::bind(dir.path("theirs")).unwrap();
        let ours = Arc::new(UnixDatagram::bind(dir.path("ours")).unwrap());
        theirs.connect(dir.path("ours")).unwrap();
        let size = 4 << 10;
        let socket = ours.as_source().unwrap();
        rustix::net::sockopt::set_socket_send_buffer_size(socket, size).unwrap();
        let full = fill(|bytes| ours.try_send_to(bytes, dir.path("theirs")));
        let (sender, path, waits) = (ours.clone(), dir.path("theirs"), Gate::default());
        let send = async move { sender.send_to(&full.to_be_bytes(), path).await.unwrap() };
        let send = runtime_traits::spawn(announced(waits.clone(), send));
        waits.wait().await;
        for n in 0..=full {
            assert_eq!(number(&theirs).await, n);
        }
        send.await.unwrap();
    }

    async fn whoever_waits_for_room_hears_that_the_receiver_has_gone() {
        let dir = Dir::new();
        for connected in [true, false] {
            let path = dir.path(if connected { "connected" } else { "named" });
            let theirs = UnixDatagram::bind(&path).unwrap();
            let ours = UnixDatagram::unbound().unwrap();
            ours.connect(&path).unwrap();
            fill(|bytes| ours.try_send(bytes));
            let ours = if connected { ours } else { UnixDatagram::unbound().unwrap() };
            let waits = Gate::default();
            let send = announced(waits.clone(), async move {
                match connected {
                    true => ours.send(b"x").await,
                    false => ours.send_to(b"x", &path).await,
                }
            });
            let send = runtime_traits::spawn(send);
            waits.wait().await;
            drop(theirs);
            let error = send.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "connected: {connected}");
        }
    }

    async fn errors_of_send_are_the_real_ones() {
        let dir = Dir::new();
        let ours = UnixDatagram::unbound().unwrap();
        assert_eq!(ours.send(b"x").await.unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(ours.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        let error = ours.send_to(b"x", dir.path("missing")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let theirs = UnixDatagram::bind(dir.path("s")).unwrap();
        ours.connect(dir.path("s")).unwrap();
        drop(theirs);
        let error = ours.send(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // It goes on with others.
        let theirs = UnixDatagram::bind(dir.path("other")).unwrap();
        ours.send_to(b"x", dir.path("other")).await.unwrap();
        assert_eq!(theirs.recv(&mut [0]).await.unwrap(), 1);
    }

    async fn each_direction_may_be_ended() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        ours.shutdown(Shutdown::Write).unwrap();
        assert_eq!(ours.send(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        theirs.send(b"x").await.unwrap();
        assert_eq!(ours.recv(&mut [0]).await.unwrap(), 1);
        let waits = Gate::default();
        let ours = Arc::new(ours);
        let receiver = ours.clone();
        let receive = announced(waits.clone(), async move { receiver.recv(&mut [0]).await });
        let receive = runtime_traits::spawn(receive);
        waits.wait().await;
        ours.shutdown(Shutdown::Read).unwrap();
        assert_eq!(receive.await.unwrap().unwrap(), 0);
    }

    async fn polling_and_std() {
        let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let ours = UnixDatagram::try_from(ours).unwrap();
        assert!(poll_fn(|cx| Poll::Ready(ours.poll_recv_from(cx, &mut [0]))).await.is_pending());
        theirs.send(b"std").unwrap();
        let mut buf = [0; 4];
        let (n, from) = poll_fn(|cx| ours.poll_recv_from(cx, &mut buf)).await.unwrap();
        assert!(n == 3 && from.is_unnamed());
        assert_eq!(poll_fn(|cx| ours.poll_send(cx, b"ours")).await.unwrap(), 4);
        assert_eq!(theirs.recv(&mut buf).unwrap(), 4);
        assert!(ours.take_error().unwrap().is_none());
        let ours = std::os::unix::net::UnixDatagram::try_from(ours).unwrap();
        theirs.send(b"back").unwrap();
        assert_eq!(ours.recv(&mut buf).unwrap(), 4);
    }
}
