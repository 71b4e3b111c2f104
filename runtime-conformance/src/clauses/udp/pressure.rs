//! UDP-4: more than the other side takes.

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use runtime_traits::io::Async;

use super::calls::UdpCalls;
use crate::clauses::tcp::steps::{in_task, noting_pending};
use crate::rig::Rig;
use crate::toolbox::{Gate, Tally, within_watchdog};

/// More datagrams than a queue holds.
const MANY: usize = 2000;
const SENDERS: usize = 4;

/// UDP-4: senders that met a full queue go on when it drains.
///
/// Method: UDP on one machine drops what does not fit, so this takes its twin, a pair of Unix
/// datagram sockets, whose senders have to wait. Four tasks send through one of them until one was
/// seen waiting; then std begins to receive from the other, on a thread. All must be sent, and received.
///
/// If this fails with a hang, look for a *no buffer space* that is treated as *would block*, with no
/// event to come, or for a waker that only the last of several senders leaves.
pub(super) fn udp_4_a_full_queue_holds_senders_up_and_no_longer(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, theirs) = rig.setup("a pair of datagram sockets", UnixDatagram::pair());
    let full = Arc::new(Gate::new("UDP-4: a sender to be pending"));
    let waited = Arc::new(AtomicUsize::new(0));
    let told = full.clone();
    let drains = thread::spawn(move || {
        told.wait();
        let mut sum = 0;
        for _ in 0..SENDERS * MANY {
            let mut buf = [0; 16];
            let n = theirs.recv(&mut buf).expect("std receives");
            assert_eq!(n, 8, "UDP-4: the size of what std received");
            sum += usize::from_le_bytes(buf[..8].try_into().expect("eight bytes"));
        }
        sum
    });
    let socket = rt.enter(|| Async::new(ours));
    let socket = Arc::new(socket.unwrap_or_else(|error| panic!("UDP-4: a socket: {error}")));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (socket, full, waited) = (socket.clone(), full.clone(), waited.clone());
            rt.spawn(async move {
                for nth in 0..MANY {
                    let bytes = (sender * MANY + nth).to_le_bytes();
                    let send = socket.write_with(|socket| socket.send(&bytes));
                    let note = || {
                        waited.fetch_add(1, Ordering::SeqCst);
                        full.open();
                    };
                    let sent = noting_pending(send, note).await;
                    assert!(matches!(sent, Ok(8)), "UDP-4: datagram {nth} gave {sent:?}");
                }
                full.open(); // a queue that holds everything
            })
        })
        .collect();
    in_task(rig, &rt, "UDP-4: senders to go on when the queue drains", async move {
        for sender in senders {
            drop(sender.await);
        }
    });
    let drained = within_watchdog("UDP-4: std to receive all", || drains.join());
    let (sum, all) = (drained.expect("it receives"), SENDERS * MANY);
    assert_eq!(sum, all * (all - 1) / 2, "UDP-4: the sum of what was received");
    rig.witness("sends that waited", waited.load(Ordering::SeqCst) as u64, 1);
    drop(socket);
    rig.shutdown(rt);
}

/// How many datagrams each sender sends, awaiting that they arrived every so often.
const SHARED: usize = 100;
const RECEIVERS: usize = 2;

/// UDP-4: several senders and receivers on one socket all get on.
///
/// Method: a socket sends to itself: four tasks send, two receive. A sender goes on only when all that
/// it sent has been received by somebody, so nothing overflows, and a receiver that is not woken
/// holds everybody up as soon as the other has gone. The receivers end by turns, one half-way.
///
/// If this fails with a hang, look for one waker for several waiters.
pub(super) fn udp_4_many_share_one_socket(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<UdpCalls>();
    let spawner = rt.clone();
    in_task(rig, &rt, "UDP-4: senders and receivers on one socket", async move {
        let socket = calls.0.bind().await.unwrap_or_else(|e| panic!("UDP-4: a socket: {e}"));
        let at = socket.address().expect("it has an address");
        let counts: Arc<Vec<Tally>> = Arc::new((0..SENDERS).map(|_| Tally::new()).collect());
        let left = Arc::new(AtomicUsize::new(SENDERS * SHARED));
        let mut tasks = Vec::new();
        for receiver in 0..RECEIVERS {
            let (socket, counts, left) = (socket.clone(), counts.clone(), left.clone());
            // The first one leaves when the other can do what is left.
            let until = if receiver == 0 { SENDERS * SHARED / 2 } else { 0 };
            tasks.push(spawner.spawn(async move {
                while left.load(Ordering::SeqCst) > until {
                    let mut buf = [0; 4];
                    let received = socket.recv_from(&mut buf).await;
                    assert!(matches!(received, Ok((1, _))), "UDP-4: received {received:?}");
                    match buf[0] {
                        STOP => return,
                        sender => {
                            left.fetch_sub(1, Ordering::SeqCst);
                            counts[usize::from(sender)].add();
                        }
                    }
                }
            }));
        }
        for sender in 0..SENDERS {
            let (socket, counts) = (socket.clone(), counts.clone());
            tasks.push(spawner.spawn(async move {
                for nth in 1..=SHARED {
                    let sent = socket.send_to(&[sender as u8], at).await;
                    assert!(matches!(sent, Ok(1)), "UDP-4: sending gave {sent:?}");
                    counts[sender].reached(nth).await;
                }
            }));
        }
        for task in tasks.drain(RECEIVERS..) {
            drop(task.await);
        }
        // A receiver may be waiting still; each of these is for one of them.
        for _ in 0..RECEIVERS {
            drop(socket.send_to(&[STOP], at).await);
        }
        for task in tasks {
            drop(task.await);
        }
    });
    rig.shutdown(rt);
}

/// What tells a receiver to stop.
const STOP: u8 = u8::MAX;
