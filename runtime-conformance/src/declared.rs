//! `CAP-…`: what is declared is there.
//!
//! The smallest use of each capability. Without these a declaration too many would show up as a
//! hang somewhere, and a declaration too few is seen in the profile that is reached.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;

use runtime_traits::Handle;
use runtime_traits::io::{AsyncRead, AsyncWrite};
use runtime_traits::net::{TcpListener, TcpStream, UdpSocket};
use runtime_traits::time::{Duration, sleep};

use crate::Cap;
use crate::case::Case;
#[cfg(unix)]
use crate::clauses::{proc, signal};
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Tally, within_watchdog};

pub(crate) const CASES: &[Case] = &[
    Case::new("CAP-core", core),
    Case::new("CAP-block", block),
    Case::new("CAP-mt", mt),
    Case::new("CAP-shared", shared),
    Case::new("CAP-local", local),
    Case::new("CAP-time", time),
    Case::new("CAP-simtime", simtime),
    Case::new("CAP-fd", fd),
    Case::new("CAP-tcp", tcp),
    Case::new("CAP-udp", udp),
    Case::new("CAP-uds", uds),
    Case::new("CAP-io", io),
    Case::new("CAP-own", own),
    Case::new("CAP-fs", fs),
    Case::new("CAP-proc", proc),
    Case::new("CAP-sig", sig),
    Case::new("CAP-blk", blk),
    Case::new("CAP-fork", fork),
    Case::new("CAP-guard", guard),
    Case::new("CAP-global", global),
    Case::new("CAP-coop", coop),
];

fn core(rig: &Rig<'_>) {
    let rt = rig.rt();
    let task = rt.spawn(async { 5 });
    let five = rig.drive(&rt, "CAP-core: a task", task);
    assert!(matches!(five, Ok(5)), "CAP-core: a task that answers 5 resolved {five:?}");
    rig.shutdown(rt);
}

fn block(rig: &Rig<'_>) {
    let rt = rig.rt();
    let five = within_watchdog("CAP-block: `block_on`", || rt.block_on(async { 5 }));
    assert!(five == Ok(5), "CAP-block: `block_on` answered {five:?} instead of 5");
    rig.shutdown(rt);
}

fn mt(rig: &Rig<'_>) {
    let rt = rig.rt();
    let both = Arc::new(Barrier::new(2));
    let meet = |both: &Arc<Barrier>| {
        let both = both.clone();
        async move { _ = both.wait() }
    };
    let (one, two) = (rt.spawn(meet(&both)), rt.spawn(meet(&both)));
    let met = rig.drive(&rt, "CAP-mt: two tasks to be polled at the same time", async {
        (one.await, two.await)
    });
    assert!(met.0.is_ok() && met.1.is_ok(), "CAP-mt: two tasks that met resolved {met:?}");
    rig.shutdown(rt);
}

fn shared(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (here, there) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let meet = |rt: &Rt, mine: &Tally, other: &Arc<Tally>| {
        mine.add();
        let other = other.clone();
        let outcome = rt.block_on(async move { other.reached(1).await });
        assert!(outcome.is_ok(), "CAP-shared: one of two calls of `block_on` gave {outcome:?}");
    };
    within_watchdog("CAP-shared: two calls of `block_on` at the same time", || {
        thread::scope(|scope| {
            let second = rt.clone();
            let (here, there) = (&here, &there);
            scope.spawn(move || meet(&second, there, here));
            meet(&rt, here, there);
        });
    });
    rig.shutdown(rt);
}

/// Where local tasks live is the runtime's decision: on the thread of the root, or where tasks run.
fn local(rig: &Rig<'_>) {
    let rt = rig.rt();
    let five = || async {
        let five = std::rc::Rc::new(5); // not `Send`
        *five
    };
    let inside = rt.clone();
    let answers = rig.drive(&rt, "CAP-local: a local task", async {
        let of_root = rt.spawn_local(five()).await;
        let of_task = rt.spawn(async move { inside.spawn_local(five()).await }).await;
        (of_root, of_task)
    });
    let works = matches!(answers.0, Ok(5)) || matches!(answers.1, Ok(Ok(5)));
    assert!(works, "CAP-local: local tasks that answer 5 resolved {answers:?}");
    rig.shutdown(rt);
}

fn time(rig: &Rig<'_>) {
    let rt = rig.rt();
    assert!(rt.handle().runtime().timer().is_some(), "CAP-time: `timer()` is None");
    let nap = rt.enter(|| sleep(Duration::from_millis(1)));
    rig.drive(&rt, "CAP-time: a sleep of 1 ms", nap);
    rig.shutdown(rt);
}

fn simtime(rig: &Rig<'_>) {
    let rt = rig.rt();
    assert!(
        rt.handle().runtime().virtual_time().is_some(),
        "CAP-simtime: `virtual_time()` is None"
    );
    let day = rt.enter(|| sleep(Duration::from_secs(24 * 3600)));
    rig.drive(&rt, "CAP-simtime: a sleep of a simulated day", day);
    rig.shutdown(rt);
}

#[cfg(unix)]
fn fd(rig: &Rig<'_>) {
    use std::io::Write;
    let rt = rig.rt();
    assert!(rt.handle().runtime().reactor().is_some(), "CAP-fd: `reactor()` is None");
    let (ours, mut theirs) = rig.setup("a pair of sockets", std::os::unix::net::UnixStream::pair());
    rig.setup("making a socket non-blocking", ours.set_nonblocking(true));
    let ours = rt.enter(|| runtime_traits::io::Async::new(ours));
    let ours =
        ours.unwrap_or_else(|error| panic!("CAP-fd: a socket cannot be registered: {error}"));
    rig.setup("writing to a socket", theirs.write_all(b"x"));
    let ready = rig.drive(&rt, "CAP-fd: a socket with a byte to be readable", ours.readable());
    assert!(ready.is_ok(), "CAP-fd: a socket with a byte to read gave {ready:?}");
    drop(ours);
    rig.shutdown(rt);
}

#[cfg(not(unix))]
fn fd(rig: &Rig<'_>) {
    let rt = rig.rt();
    assert!(rt.handle().runtime().reactor().is_some(), "CAP-fd: `reactor()` is None");
    rig.shutdown(rt);
}

fn tcp(rig: &Rig<'_>) {
    let rt = rig.rt();
    let met = rig.drive(&rt, "CAP-tcp: a connection to this machine", rt.handle().wrap(connect()));
    assert!(met.is_ok(), "CAP-tcp: a connection to this machine gave {met:?}");
    rig.shutdown(rt);
}

/// Two ends of a connection.
async fn connect() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    // The kernel completes the connection before anybody accepts it.
    let ours = TcpStream::connect(listener.local_addr()?).await?;
    Ok((ours, listener.accept().await?.0))
}

fn udp(rig: &Rig<'_>) {
    let rt = rig.rt();
    let got = rig.drive(
        &rt,
        "CAP-udp: a datagram to this machine",
        rt.handle().wrap(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await?;
            socket.send_to(b"5", socket.local_addr()?).await?;
            let mut buf = [0; 8];
            socket.recv(&mut buf).await
        }),
    );
    assert!(matches!(got, Ok(1)), "CAP-udp: a datagram to this machine gave {got:?}");
    rig.shutdown(rt);
}

fn io(rig: &Rig<'_>) {
    let rt = rig.rt();
    let got = rig.drive(
        &rt,
        "CAP-io: a byte over a connection",
        rt.handle().wrap(async {
            let (mut ours, mut theirs) = connect().await?;
            let mut byte = [0];
            poll_fn(|cx| Pin::new(&mut ours).poll_write(cx, b"5")).await?;
            poll_fn(|cx| Pin::new(&mut theirs).poll_read(cx, &mut byte)).await?;
            std::io::Result::Ok(byte)
        }),
    );
    assert!(matches!(got, Ok([b'5'])), "CAP-io: a byte over a connection gave {got:?}");
    rig.shutdown(rt);
}

#[cfg(unix)]
fn uds(rig: &Rig<'_>) {
    use runtime_traits::net::unix::UnixStream;
    let rt = rig.rt();
    let got = rig.drive(
        &rt,
        "CAP-uds: a byte between two sockets",
        rt.handle().wrap(async {
            let (ours, theirs) = UnixStream::pair()?;
            ours.write_all(b"5").await?;
            let mut byte = [0];
            theirs.read_exact(&mut byte).await?;
            std::io::Result::Ok(byte)
        }),
    );
    assert!(matches!(got, Ok([b'5'])), "CAP-uds: a byte between two sockets gave {got:?}");
    rig.shutdown(rt);
}

#[cfg(not(unix))]
fn uds(_: &Rig<'_>) {
    panic!("CAP-uds: there are no Unix sockets here: do not declare them");
}

#[cfg(any(unix, windows))]
fn fs(rig: &Rig<'_>) {
    let rt = rig.rt();
    let program = rig.setup("the path of this program", std::env::current_exe());
    let opened = rt.handle().wrap(async move {
        runtime_traits::fs::File::open(program).await?.read_exact(&mut [0]).await
    });
    let read = rig.drive(&rt, "CAP-fs: the first byte of this program", opened);
    assert!(read.is_ok(), "CAP-fs: the first byte of this program gave {read:?}");
    rig.shutdown(rt);
}

#[cfg(not(any(unix, windows)))]
fn fs(_: &Rig<'_>) {
    panic!("CAP-fs: there are no files here: do not declare them");
}

#[cfg(unix)]
fn proc(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut child = proc::start(rig, &rt, "CAP-proc", &mut proc::sh("exit 5"));
    let status = rig.drive(&rt, "CAP-proc: a child that exits", child.wait());
    let five = status.as_ref().is_ok_and(|status| status.code() == Some(5));
    assert!(five, "CAP-proc: a child that exits with 5 gave {status:?}");
    rig.shutdown(rt);
}

#[cfg(unix)]
fn sig(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut listener = signal::listen(&rt, "CAP-sig");
    signal::raise(rig);
    let heard = rig.drive(&rt, "CAP-sig: a signal that was raised", listener.recv());
    assert!(heard.is_ok(), "CAP-sig: a listener whose signal was raised gave {heard:?}");
    drop(listener);
    rig.shutdown(rt);
}

#[cfg(not(unix))]
fn proc(rig: &Rig<'_>) {
    rig.inconclusive("children are started for this on Unix only");
}

#[cfg(not(unix))]
fn sig(rig: &Rig<'_>) {
    rig.inconclusive("signals are raised for this on Unix only");
}

#[cfg(target_os = "linux")]
fn fork(rig: &Rig<'_>) {
    let rt = rig.rt();
    if !signal::is_quiet(rig) {
        return;
    }
    let here = rig.builder();
    let ended = signal::forked(rig, "CAP-fork: a process that was forked off", || {
        let rig = here.rig();
        let rt = rig.rt();
        let task = rt.spawn(async { 5 });
        let five = rig.drive(&rt, "CAP-fork: a task in a forked process", task);
        rig.shutdown(rt);
        u8::from(!matches!(five, Ok(5)))
    });
    assert!(ended == Some(0), "CAP-fork: a runtime and a task in a forked process: {ended:?}");
    rig.shutdown(rt);
}

#[cfg(not(target_os = "linux"))]
fn fork(rig: &Rig<'_>) {
    rig.inconclusive("processes are forked off on Linux only");
}

fn guard(_: &Rig<'_>) {
    panic!(
        "CAP-guard: `runtime-traits` has no guards, its scopes are closures: do not declare them"
    );
}

fn own(rig: &Rig<'_>) {
    let rt = rig.rt();
    assert!(rt.handle().runtime().completion().is_some(), "CAP-own: `completion()` is None");
    rig.shutdown(rt);
}

fn blk(rig: &Rig<'_>) {
    let rt = rig.rt();
    let five = rt.spawn_blocking(|| 5);
    let five = rig.drive(&rt, "CAP-blk: a blocking closure", five);
    assert!(matches!(five, Ok(5)), "CAP-blk: a closure that answers 5 resolved {five:?}");
    rig.shutdown(rt);
}

fn global(_: &Rig<'_>) {
    let here = thread::spawn(Handle::try_current).join().expect("it panicked");
    assert!(here.is_ok(), "CAP-global: on a thread of nobody's no runtime is current");
}

/// How many steps a task may do in one poll before it is told to give way.
const STEPS_MAX: usize = 100_000;

/// The budget says so by itself, and has the task woken. A runtime may have none and keep count in its
/// own operations: then that is seen in those only, by FAIR-4 if it has UDP.
fn coop(rig: &Rig<'_>) {
    let rt = rig.rt();
    if rt.handle().runtime().budget().is_none() {
        rig.shutdown(rt);
        if !(rig.has(Cap::Fd) && rig.has(Cap::Udp)) {
            rig.inconclusive("`budget()` is None, and without UDP nothing else shows it");
        }
        return;
    }
    let (inside, mut polls) = (rt.clone(), 0);
    let task = rt.spawn(poll_fn(move |cx| {
        let budget = inside.handle().runtime().budget().expect("it was there before");
        polls += 1;
        let gave_way = (0..STEPS_MAX).any(|_| budget.poll_proceed(cx).is_pending());
        assert!(gave_way, "CAP-coop: {STEPS_MAX} steps in one poll, and the task may go on");
        if polls > 1 { Poll::Ready(()) } else { Poll::Pending }
    }));
    let ended = rig.drive(&rt, "CAP-coop: a task that gave way to be polled again", task);
    assert!(ended.is_ok(), "CAP-coop: a task that gave way resolved {ended:?}");
    rig.shutdown(rt);
}
