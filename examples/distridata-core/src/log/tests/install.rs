//! The log is replaced: by a snapshot of another node, or by nothing.

use super::*;
use crate::log::sim::Fault;
use crate::log::{CheckError, Received};

/// What another node has and sends: the body of a snapshot of history 2, and where it is.
fn sent(count: u32) -> (u64, Vec<u8>) {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 2, 0..count);
    snapshot(&mut log, 2, count).unwrap();
    let (file, reader) = log.tail().newest_snapshot().unwrap();
    assert_eq!(reader.offset(), file.offset());
    let (mut body, mut position) = (Vec::new(), 0);
    while file.read_at(&mut body, 17, position).unwrap() > 0 {
        position = body.len() as u64;
    }
    assert_eq!(body.len() as u64, file.body_len());
    (file.offset(), body)
}

fn receive(log: &Log, sent: &(u64, Vec<u8>)) -> Result<Received, CheckError> {
    let mut incoming = log.incoming(sent.0)?;
    for piece in sent.1.chunks(11) {
        incoming.write(piece)?;
    }
    let mut seen = Seen::default();
    let received = incoming.check(&mut |chunk| {
        seen.replay(Replay::Chunk(chunk));
        Ok(())
    })?;
    assert_eq!((seen.history, received.offset()), (Some(2), offset(seen.count)));
    Ok(received)
}

/// A log of history 1 with a snapshot at 4 and `count` payloads.
fn old(dir: &SimDir, count: u32) -> Log {
    let (mut log, _) = open(dir);
    append(&mut log, 1, 0..4);
    snapshot(&mut log, 1, 4).unwrap();
    append(&mut log, 1, 4..count);
    log.sync().unwrap();
    log
}

#[test]
fn an_installed_snapshot_replaces_everything() {
    let dir = SimDir::new();
    let mut log = old(&dir, 9);
    let reader = log.tail().start(offset(5)).unwrap();
    let received = receive(&log, &sent(6)).unwrap();
    assert_eq!(received.consistent_at(), offset(6));
    log.install(received).unwrap();
    assert_eq!((log.end(), log.synced()), (offset(6), offset(6)));
    assert_eq!(log.tail().newest_snapshot().unwrap().0.offset(), offset(6));
    append(&mut log, 2, 6..8);
    log.sync().unwrap();
    readers::ends_over(reader, offset(9));
    let (_, seen) = open(&dir.crash(Crash::Kill));
    assert_eq!((seen.history, seen.count, seen.report.removed), (Some(2), 8, vec![]));
}

#[test]
fn a_reset_log_is_empty() {
    let dir = SimDir::new();
    let mut log = old(&dir, 9);
    log.reset().unwrap();
    assert!(log.tail().newest_snapshot().is_none());
    append(&mut log, 2, 0..3);
    log.sync().unwrap();
    let (_, seen) = reopen(&dir);
    assert_eq!((seen.history, seen.count, seen.report.snapshot), (Some(2), 3, None));
}

#[test]
fn a_snapshot_that_is_not_whole_is_not_taken() {
    let dir = SimDir::new();
    let log = old(&dir, 5);
    let (offset, body) = sent(6);
    for len in 0..body.len() {
        let error = receive(&log, &(offset, body[..len].to_vec())).err().unwrap();
        assert!(is_damaged(&error), "{error}");
    }
    for bit in 0..body.len() * 8 {
        let mut bad = body.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let mut incoming = log.incoming(offset).unwrap();
        incoming.write(&bad).unwrap();
        assert!(is_damaged(&incoming.check(&mut |_| Ok(())).err().unwrap()), "bit {bit}");
    }
    let mut incoming = log.incoming(offset + 1).unwrap();
    incoming.write(&body).unwrap();
    assert!(incoming.check(&mut |_| Ok(())).is_err(), "it is of another offset");
    let (_, seen) = open(&dir.crash(Crash::Kill));
    assert_eq!(seen.report.removed, [""; 0], "nothing is left of them");
}

#[test]
fn what_was_begun_before_a_replacement_is_not_finished_after_it() {
    let dir = SimDir::new();
    let mut log = old(&dir, 5);
    let start = log.rotate().unwrap();
    let mut writer = log.snapshot_writer(start).unwrap();
    chunks(&mut writer, 1, 5).unwrap();
    let late = receive(&log, &sent(7)).unwrap();
    log.install(receive(&log, &sent(5)).unwrap()).unwrap();
    assert!(writer.finish(start).is_err());
    assert!(log.install(late).is_err());
    append(&mut log, 2, 5..6);
    log.sync().unwrap();
    let (_, seen) = reopen(&dir);
    assert_eq!((seen.history, seen.count), (Some(2), 6));
}

/// Replaces the log of history 1, then works with whatever log there is.
///
/// Returns the counts that are safe of both histories; `None` if that history may not be there.
fn script(dir: &SimDir, sent: Option<&(u64, Vec<u8>)>, first: u64) -> (Option<u32>, Option<u32>) {
    let mut log = old(dir, 7);
    dir.fail_at(dir.operations() + first / 5, FAULTS[first as usize % 5]);
    let replaced = match sent {
        Some(sent) => receive(&log, sent).map_err(drop).and_then(|r| log.install(r).map_err(drop)),
        None => log.reset().map_err(drop),
    };
    let base = sent.map_or(0, |_| 4);
    let (history, from) = if replaced.is_ok() { (2, base) } else { (1, 7) };
    let (mut safe, mut count) = (from, from);
    for _ in 0..2 {
        count += u32::from(log.append(&payload(history, count)).is_ok());
        safe = if log.sync().is_ok() { count } else { safe };
    }
    match (history, safe) {
        (2, safe) => (None, Some(safe)),
        (_, 7) => (Some(7), Some(base)),
        (_, safe) => (Some(safe), None),
    }
}

const FAULTS: [Fault; 5] = [Fault::Stop, Fault::NoSpace, Fault::Io, Fault::Late, Fault::Short];

/// How many operations of the script a fault can hit.
fn operations(sent: Option<&(u64, Vec<u8>)>) -> u64 {
    let dir = SimDir::new();
    drop(old(&dir, 7));
    let before = dir.operations();
    let dir = SimDir::new();
    script(&dir, sent, u64::MAX / 8);
    dir.operations() - before
}

fn replace_with_each_fault(sent: Option<&(u64, Vec<u8>)>) {
    let (seed, total) = (seed(), operations(sent));
    let (mut olds, mut news) = (0, 0);
    for first in 0..(total + 1) * 5 {
        let dir = SimDir::new();
        let (old, new) = script(&dir, sent, first);
        let cuts = (0..dir.unsynced()).step_by(7).map(Crash::Cut);
        let tears = (seed..seed.saturating_add(30)).map(Crash::Tear);
        for how in [Crash::Kill, Crash::Lose].into_iter().chain(cuts).chain(tears) {
            let left = dir.after(how);
            let (mut log, seen) = open(&left);
            let text = format!("{first} {how:?}: {old:?} {new:?} {seen:?}");
            let is_old = seen.history == Some(1);
            let safe = if is_old { old } else { new };
            (olds, news) = (olds + u32::from(is_old), news + u32::from(!is_old));
            assert!(safe.is_some_and(|safe| seen.count >= safe), "{text}");
            assert_eq!(seen.report.incomplete_until, None, "{text}");
            if how == Crash::Kill && FAULTS[first as usize % 5] != Fault::Stop {
                continue; // what a failed sync lost can be read, and nobody can save it
            }
            append(&mut log, seen.history.unwrap_or(2), seen.count..seen.count + 1);
            log.sync().unwrap();
            assert_eq!(reopen(&left).1.count, seen.count + 1, "{text}");
        }
    }
    assert!(olds > 100 && news > 100, "both were met: {olds}, {news}");
}

#[test]
fn a_fault_at_any_operation_of_installing_leaves_the_old_log_or_the_new_one() {
    // The same offset as the old snapshot: all files have the same names.
    replace_with_each_fault(Some(&sent(4)));
}

#[test]
fn a_fault_at_any_operation_of_a_reset_leaves_the_old_log_or_the_new_one() {
    replace_with_each_fault(None);
}

/// A process that is killed anywhere while it replaces its log, and then, wherever it is in opening
/// what there is, killed again or without power.
fn open_with_each_crash(sent: Option<&(u64, Vec<u8>)>) {
    let seed = seed();
    for first in (0..(operations(sent) + 1) * 5).step_by(5) {
        let dir = SimDir::new();
        let (old, new) = script(&dir, sent, first);
        for stop in 0.. {
            let left = dir.after(Crash::Kill);
            left.fail_at(stop, Fault::Stop);
            let opened = try_open(&left, false).ok().map(|(_, seen)| seen.history);
            let tears = (seed..seed.saturating_add(30)).map(Crash::Tear);
            for how in [Crash::Kill, Crash::Lose].into_iter().chain(tears) {
                let (_, seen) = open(&left.after(how));
                let text = format!("{first} {stop} {how:?}: {old:?} {new:?} {seen:?}");
                let safe = if seen.history == Some(1) { old } else { new };
                assert!(safe.is_some_and(|safe| seen.count >= safe), "{text}");
                assert!(opened.is_none_or(|history| history == seen.history), "{text}");
            }
            if opened.is_some() {
                break;
            }
        }
    }
}

#[test]
fn a_crash_while_a_replaced_log_is_opened_leaves_the_old_log_or_the_new_one() {
    open_with_each_crash(Some(&sent(4)));
    open_with_each_crash(None);
}
