//! Readers: across segments, slow ones, on other threads.

use super::*;
use crate::log::files::Dir;
use crate::log::frame::Frames;
use crate::log::header::Kind;
use crate::log::{Read, Reader};

/// Reads up to `until` in pieces of `max` bytes.
fn read_all(reader: &mut Reader, max: usize, until: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while reader.read(&mut bytes, max, until).unwrap() != Read::Bytes(0) {}
    bytes
}

/// Reads the rest of a log that was replaced and ended here.
pub(super) fn ends_over(mut reader: Reader, end: u64) {
    let mut bytes = Vec::new();
    while let Read::Bytes(1..) = reader.read(&mut bytes, 10, u64::MAX).unwrap() {}
    assert_eq!(reader.read(&mut bytes, 10, u64::MAX).unwrap(), Read::Over);
    assert_eq!(reader.offset(), end);
}

/// Checks that these are the frames from `from` on, and counts on.
fn count(bytes: &[u8], from: u32) -> u32 {
    let frames = Frames::check(bytes, offset(from)).unwrap();
    frames.fold(from, |number, frame| {
        assert_eq!(frame.payload, payload(1, number));
        number + 1
    })
}

#[test]
fn readers_cross_segments_and_stop_where_they_are_told() {
    let (mut log, _) = open(&SimDir::new());
    for round in 0..4 {
        append(&mut log, 1, round * 3..round * 3 + 3);
        log.rotate().unwrap();
    }
    for from in 0..=12 {
        for max in [1, 7, 1000] {
            let mut reader = log.tail().start(offset(from)).unwrap();
            let half = read_all(&mut reader, max, offset(7));
            let rest = read_all(&mut reader, max, u64::MAX);
            assert_eq!(half.len() as u64, offset(7).saturating_sub(offset(from)));
            assert_eq!(count(&[half, rest].concat(), from), 12);
        }
    }
}

#[test]
fn readers_begin_where_there_is_something() {
    let (mut log, _) = open(&SimDir::new());
    append(&mut log, 1, 0..5);
    let start = snapshot(&mut log, 1, 5).unwrap();
    append(&mut log, 1, 5..6);
    log.tail().forget_before(start).unwrap();
    let tail = log.tail();
    assert!(tail.start(start - 1).is_none(), "forgotten");
    assert!(tail.start(offset(6) + 1).is_none(), "beyond the end");
    assert_eq!(tail.start(start).unwrap().offset(), start);
    assert_eq!(count(&read_all(&mut tail.start(offset(6)).unwrap(), 9, u64::MAX), 6), 6);
}

#[test]
fn what_the_newest_snapshot_needs_is_never_forgotten() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..3);
    let start = snapshot(&mut log, 1, 3).unwrap();
    append(&mut log, 1, 3..6);
    log.rotate().unwrap();
    log.tail().forget_before(u64::MAX).unwrap();
    assert_eq!(log.tail().first_offset(), start);
    assert_eq!(reopen(&dir).1.count, 6);
}

#[test]
fn older_segments_are_read_after_opening_so_far_as_there_is_no_gap() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    for round in 0..3 {
        append(&mut log, 1, round * 3..round * 3 + 3);
        log.rotate().unwrap();
    }
    snapshot(&mut log, 1, 9).unwrap();
    let (log, _) = open(&dir.after(Crash::Kill));
    assert_eq!(count(&read_all(&mut log.tail().start(0).unwrap(), 9, u64::MAX), 0), 9);
    let name = Kind::Segment.name(offset(3));
    dir.edit(&name, |bytes| bytes.truncate(40)); // older than the snapshot: it is not replayed
    let (log, _) = open(&dir);
    assert_eq!(log.tail().first_offset(), offset(6));
    log.tail().forget_before(u64::MAX).unwrap();
    assert_eq!(dir.list().unwrap().len(), 2, "the others are forgotten, too: {dir:?}");
}

#[test]
fn a_slow_reader_goes_on_after_its_files_are_forgotten() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..3);
    let mut reader = log.tail().start(0).unwrap();
    let mut bytes = Vec::new();
    let _ = reader.read(&mut bytes, 5, u64::MAX).unwrap();
    let mut appended = 3;
    for _ in 0..5 {
        let start = snapshot(&mut log, 1, appended).unwrap();
        append(&mut log, 1, appended..appended + 3);
        appended += 3;
        log.tail().forget_before(start).unwrap();
    }
    assert!(format!("{dir:?}").matches("log-").count() == 1, "{dir:?}");
    bytes.extend(read_all(&mut reader, 50, u64::MAX));
    assert_eq!(count(&bytes, 0), appended);
}

#[test]
fn a_snapshot_stays_readable_after_it_is_forgotten() {
    let (mut log, _) = open(&SimDir::new());
    append(&mut log, 1, 0..3);
    snapshot(&mut log, 1, 3).unwrap();
    let (file, mut reader) = log.tail().newest_snapshot().unwrap();
    append(&mut log, 1, 3..6);
    let start = snapshot(&mut log, 1, 6).unwrap();
    log.tail().forget_before(start).unwrap();
    assert_eq!((file.offset(), file.consistent_at()), (offset(3), offset(3)));
    let mut body = Vec::new();
    file.read_at(&mut body, usize::MAX, 0).unwrap();
    assert_eq!(body.len() as u64, file.body_len());
    assert_eq!(count(&read_all(&mut reader, 50, u64::MAX), 3), 6);
}

#[test]
fn a_reader_of_what_was_discarded_is_told() {
    let (mut log, _) = open(&SimDir::new());
    append(&mut log, 1, 0..3);
    let mut reader = log.tail().start(0).unwrap();
    read_all(&mut reader, 1000, u64::MAX);
    log.discard_unsynced().unwrap();
    let mut bytes = Vec::new();
    assert_eq!(reader.read(&mut bytes, 9, u64::MAX).unwrap(), Read::Bytes(0));
    log.append(b"").unwrap();
    log.rotate().unwrap();
    assert!(reader.read(&mut bytes, 9, u64::MAX).is_err());
}

#[test]
fn threads_read_while_the_log_grows() {
    const COUNT: u32 = 3000;
    let end = offset(COUNT);
    let (mut log, _) = open(&SimDir::new());
    let tail = log.tail();
    let mut chance = Chance(seed());
    std::thread::scope(|scope| {
        let writing = Arc::new(()); // dropped also by a panic
        for max in [3, 100, 4000] {
            let mut reader = tail.start(0).unwrap();
            let writing = Arc::downgrade(&writing);
            scope.spawn(move || {
                let mut bytes = Vec::new();
                while reader.offset() < end {
                    let over = writing.strong_count() == 0;
                    if reader.read(&mut bytes, max, u64::MAX).unwrap() == Read::Bytes(0) {
                        assert!(!over, "the writer is gone at {}", reader.offset());
                        std::thread::yield_now();
                    }
                }
                assert_eq!(count(&bytes, 0), COUNT);
            });
        }
        for number in 0..COUNT {
            log.append(&payload(1, number)).unwrap();
            if chance.below(50) == 0 {
                let start = snapshot(&mut log, 1, number + 1).unwrap();
                log.tail().forget_before(start).unwrap();
            }
        }
    });
}
