//! The clauses REACTOR-1 to REACTOR-6, by hand: each test polls, causes, turns and looks.

use super::*;
use crate::{hooks::Reactor as _, testing::Wakes};
use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    thread,
};

/// A reactor with one registered end of a socket pair.
struct Lab {
    reactor: Reactor,
    ours: UnixStream,
    theirs: UnixStream,
    token: Token,
}

impl Lab {
    fn new() -> Lab {
        let reactor = reactor();
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let source = Arc::new(OwnedFd::from(ours.try_clone().unwrap()));
        let token = reactor.register(source).unwrap();
        Lab { reactor, ours, theirs, token }
    }

    /// Takes in what there is without waiting.
    fn turn(&self) {
        self.turn_for(Some(Duration::ZERO));
    }

    fn turn_for(&self, at_most: Option<Duration>) {
        let mut wakers = Vec::new();
        self.reactor.wait(&mut Events::new(), at_most, &mut wakers).unwrap();
        wake_all(wakers);
    }

    fn poll(
        &self,
        dir: Dir,
        waker: &Waker,
        mut op: impl FnMut() -> io::Result<()>,
    ) -> Poll<io::Result<()>> {
        self.reactor.poll_io(self.token, dir, &mut Context::from_waker(waker), &mut || {
            op().map(|()| After::More)
        })
    }

    /// Reads one byte.
    fn poll_read(&self, waker: &Waker) -> Poll<io::Result<()>> {
        self.poll(Dir::Read, waker, || (&self.ours).read(&mut [0]).map(drop))
    }

    /// Writes one large piece.
    fn poll_write(&self, waker: &Waker) -> Poll<io::Result<()>> {
        self.poll(Dir::Write, waker, || (&self.ours).write(&[0; 1 << 16]).map(drop))
    }

    /// Writes until the peer's buffer is full.
    fn fill(&self, waker: &Waker) {
        while self.poll_write(waker).is_ready() {}
    }

    fn send(&self) {
        (&self.theirs).write_all(b"x").unwrap();
    }
}

/// A reactor on this system's poller, or on one without edges where that can be had.
fn reactor() -> Reactor {
    #[cfg(runtime_force_poll)]
    let poller = Poller::new_one_shot().unwrap();
    #[cfg(not(runtime_force_poll))]
    let poller = Poller::new().unwrap();
    Reactor::new(Arc::new(poller))
}

fn kind(poll: Poll<io::Result<()>>) -> ErrorKind {
    match poll {
        Poll::Ready(Err(error)) => error.kind(),
        other => panic!("an error is due, not {other:?}"),
    }
}

#[test]
fn reactor_1_what_is_ready_already_needs_no_event() {
    let lab = Lab::new();
    lab.send();
    let (wakes, waker) = Wakes::new();
    assert!(lab.poll_read(&waker).is_ready());
    assert_eq!(wakes.count(), 0);
}

#[test]
fn an_event_wakes_once_and_the_next_poll_succeeds() {
    let lab = Lab::new();
    let (wakes, waker) = Wakes::new();
    assert!(lab.poll_read(&waker).is_pending());
    lab.turn();
    assert_eq!(wakes.count(), 0);
    lab.send();
    lab.turn();
    lab.turn();
    assert_eq!(wakes.count(), 1);
    assert!(lab.poll_read(&waker).is_ready());
    assert!(lab.poll_read(&waker).is_pending());
}

/// The event is delivered while the system call is on its way back with `WouldBlock`.
#[test]
fn reactor_2_an_event_during_the_try_is_not_erased_by_it() {
    let lab = Lab::new();
    let (wakes, waker) = Wakes::new();
    let mut tries = 0;
    let outcome = lab.poll(Dir::Read, &waker, || {
        tries += 1;
        if tries == 1 {
            let event = Event { key: lab.token.0, readable: true, writable: false, closed: false };
            lab.reactor.deliver(event, &mut Vec::new());
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(())
    });
    assert!(matches!(outcome, Poll::Ready(Ok(()))));
    assert_eq!((tries, wakes.count()), (2, 0));
}

#[test]
fn reactor_3_the_directions_are_independent() {
    let lab = Lab::new();
    let ((reads, reader), (writes, writer)) = (Wakes::new(), Wakes::new());
    lab.turn();
    assert!(lab.poll_read(&reader).is_pending());
    lab.fill(&writer);
    lab.send();
    lab.turn();
    assert_eq!((reads.count(), lab.poll_read(&reader).is_ready()), (1, true));
    // Some kernels report both directions at once; the writer may only be woken for nothing.
    lab.fill(&writer);
    assert!(lab.poll_read(&reader).is_pending());
    let before = (reads.count(), writes.count());
    let mut room = vec![0; 1 << 22];
    while writes.count() == before.1 {
        let _ = (&lab.theirs).read(&mut room).unwrap();
        lab.turn();
    }
    assert!(lab.poll_write(&writer).is_ready());
}

#[test]
fn reactor_4_a_hang_up_wakes_both_and_the_data_comes_first() {
    let mut lab = Lab::new();
    let ((reads, reader), (writes, writer)) = (Wakes::new(), Wakes::new());
    lab.fill(&writer);
    assert!(lab.poll_read(&reader).is_pending());
    lab.turn();
    lab.fill(&writer);
    assert!(lab.poll_read(&reader).is_pending());
    let before = (reads.count(), writes.count());
    let gone = std::mem::replace(&mut lab.theirs, UnixStream::pair().unwrap().0);
    (&gone).write_all(b"x").unwrap();
    drop(gone);
    lab.turn();
    assert_eq!((reads.count(), writes.count()), (before.0 + 1, before.1 + 1));
    assert!(matches!(lab.poll_read(&reader), Poll::Ready(Ok(()))));
    assert_eq!(kind(lab.poll_write(&writer)), ErrorKind::BrokenPipe);
}

#[test]
fn reactor_5_a_token_does_not_outlive_its_registration() {
    let lab = Lab::new();
    let (wakes, waker) = Wakes::new();
    assert!(lab.poll_read(&waker).is_pending());
    lab.reactor.deregister(lab.token);
    assert_eq!(wakes.count(), 1, "a waiter finds out");
    lab.reactor.deregister(lab.token);
    let error = match lab.poll_read(&waker) {
        Poll::Ready(Err(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert!(error.to_string().contains(&format!("{:#x}", lab.token.0)), "{error}");
    // The same place, taken by another life of the same socket.
    let source = Arc::new(OwnedFd::from(lab.ours.try_clone().unwrap()));
    let token = lab.reactor.register(source).unwrap();
    assert_ne!(token, lab.token);
    assert_eq!(kind(lab.poll_read(&waker)), ErrorKind::NotConnected);
}

/// One who looked the old life up and acts on the place of the new one changes nothing there.
#[test]
fn reactor_5_one_who_comes_late_does_no_harm_to_a_successor() {
    let lab = Lab::new();
    let reactor = &lab.reactor;
    let watched = reactor.sources.get(lab.token.0).unwrap();
    reactor.deregister(lab.token);
    let source = Arc::new(OwnedFd::from(lab.ours.try_clone().unwrap()));
    let token = reactor.register(source).unwrap();
    assert_eq!(token.0 as u32, lab.token.0 as u32, "else this test says nothing");
    let seen = watched.hints[0].load(Ordering::Relaxed);
    let parked = reactor.park(watched, lab.token, Dir::Read, seen, Waker::noop().clone());
    assert!(matches!(parked, Parked::Dead));
    let event = Event { key: lab.token.0, readable: true, writable: true, closed: false };
    reactor.note(watched, lab.token.0, event, &mut Vec::new());
    assert_eq!(watched.hints[0].load(Ordering::Relaxed), seen);
}

#[test]
fn reactor_6_what_cannot_be_watched_leaves_nothing_behind() {
    let reactor = reactor();
    let file = Arc::new(OwnedFd::from(File::open("/proc/self/exe").unwrap()));
    let error = reactor.register(file.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(reactor.is_empty());
    assert_eq!(Arc::strong_count(&file), 1);
}

#[test]
fn a_source_is_kept_while_registered_and_not_longer() {
    let reactor = reactor();
    let source = Arc::new(OwnedFd::from(UnixStream::pair().unwrap().0));
    let token = reactor.register(source.clone()).unwrap();
    assert_eq!(Arc::strong_count(&source), 2);
    assert_eq!(reactor.register(source.clone()).unwrap_err().kind(), ErrorKind::AlreadyExists);
    reactor.deregister(token);
    assert_eq!(Arc::strong_count(&source), 1);
    assert!(reactor.register(source).is_ok());
}

#[test]
fn the_latest_waker_is_woken_and_the_one_before_is_let_go() {
    let lab = Lab::new();
    let ((old, old_waker), (new, new_waker)) = (Wakes::new(), Wakes::new());
    assert!(lab.poll_read(&old_waker).is_pending());
    assert!(lab.poll_read(&new_waker).is_pending());
    assert_eq!(Arc::strong_count(&old), 2);
    lab.send();
    lab.turn();
    assert_eq!((old.count(), new.count()), (0, 1));
    assert_eq!(Arc::strong_count(&new), 2, "the kept one was used up by the wake");
}

/// R3: another poll that is `Ready` in between does not lose the waker of the one that waits.
#[test]
fn a_ready_poll_leaves_the_waker_of_another() {
    let lab = Lab::new();
    let (wakes, waker) = Wakes::new();
    assert!(lab.poll_read(&waker).is_pending());
    lab.send();
    // The hint still says "not ready", so make it say so through the other's own try.
    let watched = lab.reactor.sources.get(lab.token.0).unwrap();
    watched.set_ready(0, false);
    assert!(lab.poll_read(Waker::noop()).is_ready());
    lab.send();
    lab.turn();
    assert_eq!(wakes.count(), 1);
}

#[test]
fn without_an_event_a_pending_source_is_not_tried_again() {
    let lab = Lab::new();
    assert!(lab.poll_read(Waker::noop()).is_pending());
    for _ in 0..3 {
        let outcome = lab.poll(Dir::Read, Waker::noop(), || unreachable!("a useless system call"));
        assert!(outcome.is_pending());
    }
}

#[test]
fn interrupted_is_tried_again_and_other_errors_are_passed_on() {
    let lab = Lab::new();
    let mut answers = vec![ErrorKind::ConnectionReset, ErrorKind::Interrupted];
    let outcome = lab.poll(Dir::Read, Waker::noop(), || Err(answers.pop().unwrap().into()));
    assert_eq!(kind(outcome), ErrorKind::ConnectionReset);
}

#[test]
fn shutdown_wakes_and_every_later_poll_says_so() {
    let lab = Lab::new();
    let ((reads, reader), (writes, writer)) = (Wakes::new(), Wakes::new());
    assert!(lab.poll_read(&reader).is_pending());
    lab.fill(&writer);
    lab.reactor.shutdown();
    assert_eq!((reads.count(), writes.count()), (1, 1));
    lab.send();
    assert_eq!(kind(lab.poll_read(&reader)), ErrorKind::BrokenPipe);
    let source = Arc::new(OwnedFd::from(UnixStream::pair().unwrap().0));
    assert_eq!(lab.reactor.register(source).unwrap_err().kind(), ErrorKind::BrokenPipe);
    lab.reactor.deregister(lab.token);
    assert!(lab.reactor.is_empty());
}

#[test]
fn a_runtime_that_ends_during_the_try_leaves_nobody_waiting() {
    let lab = Lab::new();
    let outcome = lab.poll(Dir::Read, Waker::noop(), || {
        lab.reactor.shutdown();
        Err(ErrorKind::WouldBlock.into())
    });
    assert_eq!(kind(outcome), ErrorKind::BrokenPipe);
}

/// REACTOR-2 with real threads: a std peer, a driver thread, and a reader that parks. A lost event
/// hangs the test.
#[test]
fn reactor_2_a_ping_pong_between_threads_never_hangs() {
    const ROUNDS: usize = 3_000;
    let lab = Lab::new();
    let mut theirs = lab.theirs.try_clone().unwrap();
    let peer = thread::spawn(move || {
        for _ in 0..ROUNDS {
            theirs.write_all(b"x").unwrap();
            theirs.read_exact(&mut [0]).unwrap();
        }
    });
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                lab.turn_for(None);
            }
        });
        let (_, waker) = Wakes::unparking();
        for _ in 0..ROUNDS {
            while lab.poll_read(&waker).is_pending() {
                thread::park();
            }
            (&lab.ours).write_all(b"y").unwrap();
        }
        done.store(true, Ordering::SeqCst);
        lab.reactor.poller.notify();
    });
    peer.join().unwrap();
}

/// R1: what was drained is waited for without a try; what hung up is tried all the same.
#[test]
fn a_drained_direction_waits_unless_it_hung_up() {
    let lab = Lab::new();
    let (_wakes, waker) = Wakes::new();
    let tries = std::cell::Cell::new(0);
    let poll = || {
        lab.reactor.poll_io(lab.token, Dir::Read, &mut Context::from_waker(&waker), &mut || {
            tries.set(tries.get() + 1);
            Ok(After::Drained)
        })
    };
    let event = |closed| Event { key: lab.token.0, readable: true, writable: false, closed };
    assert!(poll().is_ready(), "the first try needs no event");
    assert!(poll().is_pending());
    lab.reactor.deliver(event(false), &mut Vec::new());
    assert!(poll().is_ready());
    assert!(poll().is_pending());
    lab.reactor.deliver(event(true), &mut Vec::new());
    assert!(poll().is_ready());
    assert!(poll().is_ready(), "the end is reported once, and must be found");
    assert_eq!(tries.get(), 4);
}
