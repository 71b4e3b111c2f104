//! Disks that are full, writes and syncs that fail.

use super::*;
use crate::log::frame::{Frames, PAYLOAD_MAX};
use crate::log::sim::Fault;

#[test]
fn a_full_disk_refuses_and_later_appends_work_again() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..5);
    for room in 0..40 {
        dir.set_room(Some(dir.used() + room));
        let error = log.append(&payload(1, 5)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "room for {room}");
        assert_eq!(log.end(), offset(5));
        assert_eq!(open(&dir.after(Crash::Kill)).1.report.cut, None, "nothing is left of it");
    }
    dir.set_room(None);
    append(&mut log, 1, 5..8);
    log.sync().unwrap();
    assert_eq!(reopen(&dir).1.count, 8);
}

#[test]
fn a_full_disk_refuses_to_rotate_and_the_log_goes_on() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..5);
    dir.set_room(Some(dir.used() + 10));
    assert!(log.rotate().is_err());
    dir.set_room(None);
    append(&mut log, 1, 5..6);
    assert_eq!(log.rotate().unwrap(), offset(6));
    append(&mut log, 1, 6..7);
    log.sync().unwrap();
    let (_, seen) = reopen(&dir);
    assert_eq!((seen.count, seen.report.removed), (7, vec![]));
}

#[test]
fn a_full_disk_refuses_a_snapshot_and_leaves_nothing_of_it() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..5);
    log.rotate().unwrap();
    dir.set_room(Some(dir.used() + 60));
    assert!(snapshot(&mut log, 1, 5).is_err());
    assert!(log.tail().newest_snapshot().is_none());
    dir.set_room(None);
    snapshot(&mut log, 1, 5).unwrap();
    assert_eq!(reopen(&dir).1.report.removed, [""; 0]);
}

#[test]
fn a_write_that_cannot_be_undone_breaks_the_log() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..5);
    dir.fail_at(dir.operations(), Fault::Io);
    dir.fail_at(dir.operations() + 1, Fault::Io);
    log.append(&payload(1, 5)).unwrap_err();
    let text = log.append(&payload(1, 5)).unwrap_err().to_string();
    assert!(text.contains("start again"), "{text}");
    assert_eq!(log.sync().unwrap(), offset(5), "what was appended before can still be synced");
    let (_, seen) = open(&dir.crash(Crash::Kill));
    assert_eq!(seen.count, 5);
    assert!(seen.report.cut.is_some());
}

/// Five payloads on the disk, two more written, and then a sync that failed.
fn after_a_failed_sync() -> (SimDir, Log) {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..5);
    log.sync().unwrap();
    append(&mut log, 1, 5..7);
    dir.fail_at(dir.operations(), Fault::Io);
    log.sync().unwrap_err();
    (dir, log)
}

#[test]
fn a_failed_sync_breaks_the_log_for_good() {
    let (dir, mut log) = after_a_failed_sync();
    let operations = dir.operations();
    assert!(log.sync().is_err() && log.rotate().is_err() && log.reset().is_err());
    assert!(log.append(&payload(1, 7)).is_err());
    assert_eq!(dir.operations(), operations, "the disk is not asked again");
    assert_eq!(log.synced(), offset(5));
    assert_eq!(reopen(&dir).1.count, 5);
}

#[test]
fn what_a_failed_sync_left_can_be_discarded() {
    let (dir, mut log) = after_a_failed_sync();
    assert_eq!(log.discard_unsynced().unwrap(), offset(5));
    assert_eq!((log.end(), open(&dir.crash(Crash::Kill)).1.count), (offset(5), 5));
}

#[test]
fn a_sync_runs_while_others_append() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..5);
    let pending = log.begin_sync();
    append(&mut log, 1, 5..6);
    let synced = pending.run();
    assert_eq!(log.synced(), 0);
    assert_eq!(log.end_sync(synced).unwrap(), offset(5));
    let pending = log.begin_sync();
    log.rotate().unwrap();
    append(&mut log, 1, 6..7);
    assert_eq!(log.end_sync(pending.run()).unwrap(), offset(6));
    let pending = log.begin_sync();
    log.reset().unwrap();
    append(&mut log, 1, 0..3);
    assert_eq!(log.end_sync(pending.run()).unwrap(), 0, "that was another log");
}

#[test]
fn a_sync_that_failed_on_one_thread_is_not_good_on_another() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..5);
    dir.fail_at(dir.operations(), Fault::Io);
    let failed = log.begin_sync().run(); // and the log has not been told yet
    assert!(log.rotate().is_err(), "the kernel would say yes to a second sync");
    assert!(log.end_sync(failed).is_err());
}

#[test]
fn frames_of_another_node_are_appended_unchanged() {
    let (primary, dir) = (SimDir::new(), SimDir::new());
    let (mut log, _) = open(&primary);
    append(&mut log, 1, 0..9);
    let mut bytes = Vec::new();
    let mut reader = log.tail().start(0).unwrap();
    let _ = reader.read(&mut bytes, usize::MAX, u64::MAX).unwrap();
    let (mut follower, _) = open(&dir);
    let (mut pending, mut rest) = (Vec::new(), &bytes[..]);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(13));
        pending.extend_from_slice(piece);
        let frames = Frames::check(&pending, follower.end()).unwrap();
        follower.append_frames(&frames).unwrap();
        pending.drain(..frames.bytes().len());
        rest = after;
    }
    follower.sync().unwrap();
    assert_eq!(reopen(&dir).1.count, 9);
    let frames = Frames::check(&bytes, 0).unwrap();
    let error = follower.append_frames(&frames).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
}

#[test]
fn a_payload_that_is_too_long_is_refused() {
    let (mut log, _) = open(&SimDir::new());
    let error = log.append(&vec![0; PAYLOAD_MAX + 1]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    append(&mut log, 1, 0..1);
}

#[test]
fn nothing_is_safe_in_a_log_that_may_have_been_replaced() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..5);
    let pending = log.begin_sync();
    // Create, write, sync, rename: the fourth one is what counts.
    dir.fail_at(dir.operations() + 3, Fault::Late);
    log.reset().unwrap_err();
    assert!(log.end_sync(pending.run()).is_err());
    assert!(log.sync().is_err() && log.append(b"").is_err());
    assert_eq!(open(&dir.crash(Crash::Kill)).1.count, 0, "it was");
}
