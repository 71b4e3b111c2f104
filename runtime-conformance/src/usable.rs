//! Everything that a flavour offers, used once: what "the runtime stays usable" means in clauses.

use runtime_traits::time::{Duration, sleep};

use crate::Cap;
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::fence::GiveWay;

/// Awaits a task that gives way, and, where they are declared, a timer, a blocking closure and a
/// socket. A failure is reported as clause `id`'s, after `when`; a hang by whoever drives this.
pub(crate) async fn use_all(rig: &Rig<'_>, rt: &Rt, id: &str, when: &str) {
    let task = rt.spawn(async {
        GiveWay::default().await;
        5
    });
    let five = task.await;
    assert!(matches!(five, Ok(5)), "{id}: {when}, a task that answers 5 resolved {five:?}");
    if rig.has(Cap::Time) {
        rt.enter(|| sleep(Duration::from_millis(1))).await;
    }
    if rig.has(Cap::Blk) {
        let five = rt.spawn_blocking(|| 5).await;
        assert!(matches!(five, Ok(5)), "{id}: {when}, a closure that answers 5 resolved {five:?}");
    }
    #[cfg(unix)]
    if rig.has(Cap::Fd) {
        let (ours, mut theirs) = a_socket(rig, rt);
        rig.setup("writing to a socket", std::io::Write::write_all(&mut theirs, b"x"));
        let ready = ours.readable().await;
        assert!(ready.is_ok(), "{id}: {when}, a socket with a byte to read gave {ready:?}");
    }
}

/// A socket of `rt`, and its peer, which belongs to nobody and blocks.
#[cfg(unix)]
pub(crate) fn a_socket(rig: &Rig<'_>, rt: &Rt) -> (Socket, std::os::unix::net::UnixStream) {
    let (ours, theirs) = rig.setup("a pair of sockets", std::os::unix::net::UnixStream::pair());
    let ours = rt.enter(|| runtime_traits::io::Async::new(ours));
    (rig.setup("registering a socket", ours), theirs)
}

/// A socket that can be awaited.
#[cfg(unix)]
pub(crate) type Socket = runtime_traits::io::Async<std::os::unix::net::UnixStream>;
