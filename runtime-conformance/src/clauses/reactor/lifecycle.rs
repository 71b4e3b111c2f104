//! REACTOR-6: registrations come and go exactly.
//!
//! A source is shared by `Arc`, so whether a reactor still holds it can be counted.

use std::fs::File;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::Context;

use runtime_traits::Handle;
use runtime_traits::hooks::{After, Dir, Reactor, Source, Token};
use runtime_traits::io::{self, Async};

use super::readiness::{pair, read_byte, register};
use crate::clauses::tcp::steps::in_task;
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{WakerLab, kernel};

/// The hook of a runtime that declares `fd`.
fn reactor(handle: &Handle) -> &dyn Reactor {
    handle.runtime().reactor().expect("`fd` is declared, and `reactor()` is None")
}

/// Gives way until it is so; a hang is reported as `waiting_for`.
fn until(rig: &Rig<'_>, rt: &Rt, waiting_for: &str, is_so: impl Fn() -> bool) {
    rig.drive(rt, waiting_for, async {
        while !is_so() {
            GiveWay::default().await;
        }
    });
}

/// A socket's end as a source, in non-blocking mode.
fn source(rig: &Rig<'_>, stream: UnixStream) -> Source {
    rig.setup("making a socket non-blocking", stream.set_nonblocking(true));
    Arc::new(OwnedFd::from(stream))
}

/// Reads one byte off a source by the hook.
async fn read_by_hook(handle: &Handle, token: Token, source: &Source) -> io::Result<u8> {
    let mut byte = [0];
    poll_fn(|cx| {
        let mut op = || match rustix::io::read(source, &mut byte)? {
            1 => Ok(After::More),
            n => panic!("REACTOR-6: reading one byte gave {n}"),
        };
        reactor(handle).poll_io(token, Dir::Read, cx, &mut op)
    })
    .await?;
    Ok(byte[0])
}

/// REACTOR-6: `deregister` releases the source and the wakers that waited for it; a token that is no
/// longer known is ignored.
///
/// Method: by the hook. A source is registered, a waker of ours waits in each direction that is not
/// ready; then it is deregistered. The source must be ours alone again, and no waker be left. Again
/// and again, the last token being deregistered twice.
///
/// If this fails with a hang, look for an entry that keeps its source, or its waiters.
pub(super) fn reactor_6_deregistering_releases_everything(rig: &Rig<'_>) {
    let rt = rig.rt();
    for _ in 0..20 {
        let (ours, theirs) = pair(rig);
        let source = source(rig, ours);
        let token = reactor(rt.handle()).register(source.clone());
        let token = token.unwrap_or_else(|error| panic!("REACTOR-6: registering: {error}"));
        let lab = WakerLab::new();
        let waker = lab.waker();
        let mut op = || match rustix::io::read(&source, &mut [0; 1]) {
            Ok(n) => panic!("REACTOR-6: nothing had come, and {n} bytes were read"),
            Err(error) => Err(error.into()),
        };
        let polled = reactor(rt.handle()).poll_io(
            token,
            Dir::Read,
            &mut Context::from_waker(&waker),
            &mut op,
        );
        assert!(polled.is_pending(), "REACTOR-6: a read of nothing gave {polled:?}");
        reactor(rt.handle()).deregister(token);
        until(rig, &rt, "REACTOR-6: a deregistered source to be released", || {
            Arc::strong_count(&source) == 1
        });
        until(rig, &rt, "REACTOR-6: the waker at a deregistered source to be released", || {
            lab.alive() == 1 // ours
        });
        reactor(rt.handle()).deregister(token);
        drop((waker, theirs));
    }
    rig.shutdown(rt);
}

const CYCLES: usize = 200;

/// REACTOR-6: what `into_inner` gives back can be registered again, on the same runtime and on another;
/// and however often that is done, nothing is left over.
///
/// Method: a socket is registered, reads a byte, is taken back; two hundred times on one runtime, then
/// once on a second one, then on the first again. The descriptors are as many as before.
///
/// If this fails with *exists*, look for a registration that outlives its owner.
pub(super) fn reactor_6_registering_again_works(rig: &Rig<'_>) {
    let (rt, second) = (rig.rt(), rig.rt());
    let (ours, theirs) = pair(rig);
    let descriptors = kernel::descriptors().len();
    let mut ends = (ours, theirs);
    for _ in 0..CYCLES {
        ends = a_byte_on(rig, &rt, ends);
    }
    until(rig, &rt, "REACTOR-6: descriptors to be as many as before", || {
        kernel::descriptors().len() <= descriptors
    });
    ends = a_byte_on(rig, &second, ends);
    ends = a_byte_on(rig, &rt, ends);
    drop(ends);
    rig.shutdown(second);
    rig.shutdown(rt);
}

type Ends = (UnixStream, UnixStream);

/// Registers the first end, reads a byte that comes only then, and gives both back.
fn a_byte_on(rig: &Rig<'_>, rt: &Rt, (ours, mut theirs): Ends) -> Ends {
    in_task(rig, rt, "REACTOR-6: a byte at a source that was registered before", async move {
        let ours = register("REACTOR-6", ours);
        theirs.write_all(b"x").expect("std writes");
        assert_eq!(read_byte("REACTOR-6", &ours).await, b'x', "REACTOR-6: the byte");
        (ours.into_inner(), theirs)
    })
}

/// REACTOR-6: what cannot be registered fails with an error and leaves nothing behind; to register a
/// live descriptor a second time fails, or works, and leaves the first registration as it was.
///
/// Method: a regular file is registered, which most pollers refuse: whatever the answer, after it (and
/// after deregistering, if it was accepted) the source is ours alone. Then a socket is registered
/// twice; if both are accepted, one is deregistered; then a byte comes, and is read by the other. A
/// duplicate of a registered descriptor is registered, and each reads.
///
/// If this fails, look for bookkeeping that is done before the poller has answered.
pub(super) fn reactor_6_odd_registrations_are_clean(rig: &Rig<'_>) {
    let rt = rig.rt();
    let file = rig.setup("this program's file", std::env::current_exe().and_then(File::open));
    let file: Source = Arc::new(file.into());
    if let Ok(token) = reactor(rt.handle()).register(file.clone()) {
        reactor(rt.handle()).deregister(token);
    }
    until(rig, &rt, "REACTOR-6: a file that was refused to be released", || {
        Arc::strong_count(&file) == 1
    });
    let (ours, theirs) = pair(rig);
    let source = source(rig, ours);
    let first = reactor(rt.handle()).register(source.clone());
    let first = first.unwrap_or_else(|error| panic!("REACTOR-6: registering: {error}"));
    if let Ok(second) = reactor(rt.handle()).register(source.clone()) {
        reactor(rt.handle()).deregister(second);
    }
    rig.setup("writing to a socket", (&theirs).write_all(b"x"));
    let handle = rt.handle().clone();
    let one = source.clone();
    in_task(rig, &rt, "REACTOR-6: a byte at a source that was registered twice", async move {
        let byte = read_by_hook(&handle, first, &one).await;
        assert!(matches!(byte, Ok(b'x')), "REACTOR-6: after a second registration: {byte:?}");
    });
    reactor(rt.handle()).deregister(first);
    until(rig, &rt, "REACTOR-6: a source that was registered twice to be released", || {
        Arc::strong_count(&source) == 1
    });
    drop((source, theirs));
    duplicates(rig, &rt);
    rig.shutdown(rt);
}

/// Two descriptors of one socket, both registered: each gets its byte.
fn duplicates(rig: &Rig<'_>, rt: &Rt) {
    let (ours, mut theirs) = pair(rig);
    let twin = rig.setup("a duplicate of a descriptor", ours.try_clone());
    in_task(rig, rt, "REACTOR-6: bytes at two descriptors of one socket", async move {
        let (ours, twin) = (register("REACTOR-6", ours), register("REACTOR-6", twin));
        theirs.write_all(b"1").expect("std writes");
        assert_eq!(read_byte("REACTOR-6", &ours).await, b'1', "REACTOR-6: the first one's byte");
        theirs.write_all(b"2").expect("std writes");
        assert_eq!(read_byte("REACTOR-6", &twin).await, b'2', "REACTOR-6: the duplicate's byte");
        drop::<Async<UnixStream>>(ours);
        theirs.write_all(b"3").expect("std writes");
        assert_eq!(read_byte("REACTOR-6", &twin).await, b'3', "REACTOR-6: when the first is gone");
        drop(theirs);
        let read = twin.read_with(|mut stream| stream.read(&mut [0])).await;
        assert!(matches!(read, Ok(0)), "REACTOR-6: the end at a duplicate: {read:?}");
    });
}
