//! FAIR-4: I/O that is always ready.

use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use runtime_traits::net::UdpSocket;

use super::finished;
use crate::rig::Rig;
use crate::rt::Rt;

/// How often the flood must have given way.
const TIMES: usize = 5;
/// How many datagrams may pass within one poll.
const DATAGRAMS_MAX: u64 = 100_000;

/// FAIR-4: a loop over I/O that is always ready gives way after a bounded number of steps.
///
/// Method: a task sends datagrams to itself and receives them, in a loop that gives way nowhere. Its
/// poll must come to an end by itself, again and again; the datagrams within one poll are counted. So
/// it does not matter who would be next: FAIR-1 asks that.
///
/// If this fails, look for operations that succeed without asking the budget, and for a budget that is
/// filled anew within one poll.
pub(super) fn fair_4_io_that_is_always_ready_gives_way(rig: &Rig<'_>) {
    let rt = rig.rt();
    let flood = rt.spawn(flood(rt.clone()));
    rig.drive(&rt, "FAIR-4: a task with datagrams that never end, to give way", async {
        finished("FAIR-4", flood.await);
    });
    rig.shutdown(rt);
}

/// Ready when it has given way often enough.
async fn flood(rt: Rt) {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let socket = rt.enter(|| UdpSocket::bind(local)).await.expect("loopback has ports");
    let myself = socket.local_addr().expect("it is bound");
    let passed = AtomicU64::new(0);
    let mut endless = pin!(async {
        let mut byte = [0];
        loop {
            let sent = socket.send_to(b"x", myself).await;
            let got = socket.recv_from(&mut byte).await;
            assert!(sent.is_ok() && got.is_ok(), "FAIR-4: loopback failed: {sent:?}, {got:?}");
            let passed = passed.fetch_add(1, Ordering::Relaxed);
            assert!(passed < DATAGRAMS_MAX, "FAIR-4: {DATAGRAMS_MAX} datagrams within one poll");
        }
    });
    let mut times = 0;
    poll_fn(|cx| {
        passed.store(0, Ordering::Relaxed);
        let endless: Poll<()> = endless.as_mut().poll(cx);
        times += 1;
        if times > TIMES { Poll::Ready(()) } else { endless }
    })
    .await;
}
