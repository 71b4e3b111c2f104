//! REACTOR-7: many waiters for one direction.

use std::future::Future;
use std::os::unix::net::UnixDatagram;
use std::pin::Pin;
use std::sync::Arc;

use runtime_traits::io::{self, Async};

use crate::rig::Rig;
use crate::toolbox::Tally;

use super::readiness::register;
use crate::clauses::tcp::steps::in_task;

/// The call of this clause, which mutants replace: the hook keeps one waker and cannot break it.
#[derive(Clone)]
pub struct Waits(pub Arc<dyn Readable>);

/// See [`Waits`].
pub trait Readable: Send + Sync {
    /// `Async::readable`.
    fn readable<'a>(&'a self, socket: &'a Async<UnixDatagram>) -> Ready<'a>;
}

/// Until something is ready.
pub type Ready<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>>;

impl Default for Waits {
    fn default() -> Waits {
        Waits(Arc::new(Plain))
    }
}

/// The call as it is.
struct Plain;

impl Readable for Plain {
    fn readable<'a>(&'a self, socket: &'a Async<UnixDatagram>) -> Ready<'a> {
        Box::pin(socket.readable())
    }
}

const WAITERS: usize = 4;

/// REACTOR-7: several tasks that wait for one direction of one source all get on.
///
/// Method: four tasks wait until a datagram socket is readable, and try to receive; who got one ends,
/// the others wait again. std sends a datagram, the next when the one before was received: four in all.
///
/// If this fails with a hang, look for one place for the wakers of several.
pub(super) fn reactor_7_each_of_many_waiters_gets_on(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<Waits>();
    let (ours, theirs) = rig.setup("a pair of datagram sockets", UnixDatagram::pair());
    let socket = Arc::new(rt.enter(|| register("REACTOR-7", ours)));
    let (waiting, received) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let tasks: Vec<_> = (0..WAITERS)
        .map(|_| {
            let (socket, calls) = (socket.clone(), calls.clone());
            let (waiting, received) = (waiting.clone(), received.clone());
            rt.spawn(async move {
                waiting.add();
                loop {
                    let ready = calls.0.readable(&socket).await;
                    assert!(ready.is_ok(), "REACTOR-7: waiting gave {ready:?}");
                    match socket.get_ref().recv(&mut [0; 8]) {
                        Ok(n) => {
                            assert_eq!(n, 1, "REACTOR-7: the size of a datagram");
                            received.add();
                            return;
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => panic!("REACTOR-7: receiving gave {error}"),
                    }
                }
            })
        })
        .collect();
    in_task(rig, &rt, "REACTOR-7: the next of four tasks to receive a datagram", async move {
        waiting.reached(WAITERS).await;
        for nth in 1..=WAITERS {
            theirs.send(b"x").expect("std sends");
            received.reached(nth).await;
        }
        for task in tasks {
            let ended = task.await;
            assert!(ended.is_ok(), "REACTOR-7: a task that received ended with {ended:?}");
        }
    });
    drop(socket);
    rig.shutdown(rt);
}
