//! LEAK-3: descriptors come back.

use std::future::Future;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::task::Poll;

use runtime_traits::io::Async;
use runtime_traits::net::{TcpListener, TcpStream};

use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{Tracked, kernel};
use crate::watchdog;

/// How many connections there are, in two rounds.
const CONNECTIONS: usize = 40;

/// LEAK-3: the number of descriptors returns to what it was: while the runtime goes on, and when it has
/// ended.
///
/// Method: connections are made, accepted and dropped, half of them with operations pending, and
/// waits for connections are given up. When all are gone, the count is as before the first, for which
/// is waited, since a driver may let go in its next turn. Then the runtime ends with sockets open in
/// parked tasks; the check that follows every case compares with the time before the runtime.
///
/// If this fails, look for a clone of a descriptor that is kept for the poller, for one that is closed
/// by an operation which may be cancelled, and for an error path without a close.
pub(super) fn leak_3_descriptors_come_and_go(rig: &Rig<'_>) {
    let rt = rig.rt();
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    rig.drive(&rt, "LEAK-3: connections that are made and dropped", async {
        let listener = rt.enter(|| TcpListener::bind(local)).await;
        let listener = rig.setup("a listener", listener);
        connect_and_drop(rig, &rt, &listener, 2).await; // what is made once is there now
        let before = kernel::descriptors().len();
        for _ in 0..2 {
            connect_and_drop(rig, &rt, &listener, CONNECTIONS).await;
            returns_to(before).await;
        }
        leave_open(rig, &rt, listener).await;
    });
    rig.shutdown(rt);
}

async fn connect_and_drop(rig: &Rig<'_>, rt: &Rt, listener: &TcpListener, count: usize) {
    let address = rig.setup("its address", listener.local_addr());
    let mut streams = Vec::new();
    for number in 0..count {
        given_up(listener).await;
        let connected = rt.enter(|| TcpStream::connect(address)).await;
        let connected = rig.setup("a connection", connected);
        let accepted = rt.enter(|| listener.accept()).await;
        let (accepted, _) = rig.setup("its other end", accepted);
        if number % 2 == 0 {
            let mut byte = [0];
            let pending =
                poll_fn(|cx| Poll::Ready(pin!(accepted.read(&mut byte)).poll(cx).is_pending()));
            assert!(pending.await, "LEAK-3: a byte was read that nobody had sent");
        }
        streams.push((connected, accepted));
        if number % 10 == 9 {
            streams.clear();
        }
    }
}

/// Polls `accept` once and drops it.
async fn given_up(listener: &TcpListener) {
    let pending = poll_fn(|cx| Poll::Ready(pin!(listener.accept()).poll(cx).is_pending())).await;
    assert!(pending, "LEAK-3: a connection was accepted that nobody had made");
}

/// Waits until there are as many descriptors as that, or fewer.
async fn returns_to(before: usize) {
    let what = format!("LEAK-3: the number of descriptors to return to {before}");
    let _waiting = watchdog::during(&what);
    let mut pause = 0_u32;
    while kernel::descriptors().len() > before {
        pause += 1;
        if pause > 100 {
            std::thread::sleep(std::time::Duration::from_micros(200)); // orders nothing
        }
        GiveWay::default().await;
    }
}

/// Tasks that own sockets, and wait for ever.
async fn leave_open(rig: &Rig<'_>, rt: &Rt, listener: TcpListener) {
    let other = rig.setup("a listener", std::net::TcpListener::bind("127.0.0.1:0"));
    let other = rig.setup("a source", Async::new_on(rt.handle(), other));
    drop(rt.spawn(async move {
        let _tracked = Tracked::once("a task that owns a source");
        let _ = other.readable().await;
    }));
    drop(rt.spawn(async move {
        let _tracked = Tracked::once("a task that owns a listener");
        let _ = listener.accept().await;
    }));
    for _ in 0..8 {
        GiveWay::default().await; // mostly, they are parked by then; either way they are dropped
    }
}
