//! What every backend promises (P1 to P3), seen through socket pairs.

use super::*;
use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

const BOTH: Want = Want { read: true, write: true };

/// A poller that watches one end of a pair under key 7, in both directions.
fn watched() -> (Poller, UnixStream, UnixStream) {
    let poller = Poller::new().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    poller.add(ours.as_fd(), 7).unwrap();
    poller.rearm(ours.as_fd(), 7, BOTH).unwrap();
    (poller, ours, theirs)
}

/// The key and the directions of an event.
fn ready(event: Event) -> (u64, bool, bool) {
    (event.key, event.readable, event.writable)
}

/// Waits until something is reported.
fn next(poller: &Poller) -> Event {
    let mut events = Events::new();
    loop {
        poller.wait(&mut events, None).unwrap();
        if let Some(event) = events.iter().next() {
            return event;
        }
    }
}

/// What is reported without waiting.
fn now(poller: &Poller) -> Vec<Event> {
    let mut events = Events::new();
    poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
    events.iter().collect()
}

#[test]
fn what_was_ready_before_it_was_added_is_reported() {
    let poller = Poller::new().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"x").unwrap();
    poller.add(ours.as_fd(), 3).unwrap();
    poller.rearm(ours.as_fd(), 3, BOTH).unwrap();
    assert_eq!(ready(next(&poller)), (3, true, true));
}

#[test]
fn a_new_byte_is_a_new_edge_and_an_old_one_is_none() {
    let (poller, mut ours, mut theirs) = watched();
    assert_eq!(ready(next(&poller)), (7, false, true));
    assert_eq!(now(&poller), []);
    for _ in 0..3 {
        poller.rearm(ours.as_fd(), 7, Want { read: true, write: false }).unwrap();
        theirs.write_all(b"x").unwrap();
        assert!(next(&poller).readable);
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), 1);
        assert_eq!(now(&poller), []);
    }
}

#[test]
fn a_hang_up_is_worth_a_try_in_both_directions() {
    let (poller, ours, theirs) = watched();
    next(&poller);
    drop(theirs);
    poller.rearm(ours.as_fd(), 7, BOTH).unwrap();
    let event = next(&poller);
    assert!(event.closed);
    assert_eq!(ready(event), (7, true, true));
}

#[test]
fn a_removed_source_is_silent_and_can_be_added_again() {
    let (poller, ours, _theirs) = watched();
    poller.remove(ours.as_fd()).unwrap();
    assert_eq!(now(&poller), []);
    poller.add(ours.as_fd(), 8).unwrap();
    poller.rearm(ours.as_fd(), 8, BOTH).unwrap();
    assert_eq!(next(&poller).key, 8);
}

#[test]
fn a_file_and_a_second_registration_are_clean_errors() {
    let (poller, ours, _theirs) = watched();
    assert_eq!(poller.add(ours.as_fd(), 9).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let file = File::open("/proc/self/exe").unwrap();
    assert_eq!(poller.add(file.as_fd(), 9).unwrap_err().kind(), ErrorKind::PermissionDenied);
}

/// A report disarms both directions, and only what is asked for anew is reported.
#[cfg(runtime_force_poll)]
#[test]
fn without_edges_a_source_is_silent_until_it_is_armed_again() {
    let poller = Poller::new_one_shot().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    poller.add(ours.as_fd(), 4).unwrap();
    theirs.write_all(b"x").unwrap();
    assert_eq!(now(&poller), []);
    for _ in 0..2 {
        poller.rearm(ours.as_fd(), 4, Want { read: true, write: false }).unwrap();
        assert_eq!(ready(next(&poller)), (4, true, false));
        assert_eq!(now(&poller), []);
    }
    poller.rearm(ours.as_fd(), 4, Want { read: false, write: true }).unwrap();
    assert_eq!(ready(next(&poller)), (4, false, true));
}

#[test]
fn a_notify_before_the_wait_ends_it_and_a_thousand_are_one() {
    let poller = Poller::new().unwrap();
    for _ in 0..1000 {
        poller.notify();
    }
    let mut events = Events::new();
    poller.wait(&mut events, None).unwrap();
    assert_eq!(events.iter().count(), 0);
    poller.notify();
    poller.wait(&mut events, None).unwrap();
}

/// P2: writers count down and notify, the waiter sleeps without a timeout until all is counted.
/// A lost notify hangs the test.
#[test]
fn notifies_from_many_threads_are_never_lost() {
    const ROUNDS: usize = 2_000;
    let poller = Arc::new(Poller::new().unwrap());
    let flags: Arc<Vec<AtomicBool>> = Arc::new((0..ROUNDS * 2).map(|_| false.into()).collect());
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let (poller, flags) = (poller.clone(), flags.clone());
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    flags[round * 2 + writer].store(true, Ordering::Relaxed);
                    poller.notify();
                }
            })
        })
        .collect();
    let mut events = Events::new();
    for flag in flags.iter() {
        while !flag.load(Ordering::Relaxed) {
            poller.wait(&mut events, None).unwrap();
        }
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}
