//! Tests of the whole log. Each writes numbered payloads, so that what comes back can be judged.
//!
//! The state that is replicated here is a *history* and a *count*: the numbers below the count were
//! appended. A snapshot holds the count of the moment when it was written; a frame holds its number.
//! Two histories have frames of the same lengths, hence the same offsets and file names.

mod crash;
mod damage;
mod failure;
mod install;
mod readers;
mod system;

use std::sync::Arc;

use super::frame::HEAD;
use super::sim::{Chance, Crash, SimDir};
use super::{Log, OpenError, Options, Replay, Report};

/// The payload with this number.
fn payload(history: u8, number: u32) -> Vec<u8> {
    let mut bytes = vec![history];
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend((0..number * 7 % 40).map(|n| (n * 31 + number) as u8));
    bytes
}

/// Where the frame with this number begins.
fn offset(number: u32) -> u64 {
    (0..number).map(|n| (HEAD + payload(0, n).len()) as u64).sum()
}

/// What was replayed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    history: Option<u8>,
    count: u32,
    report: Report,
}

impl Seen {
    fn replay(&mut self, replay: Replay<'_>) {
        match replay {
            Replay::Snapshot { .. } => assert_eq!(self.count, 0, "a snapshot comes first"),
            Replay::Chunk(chunk) if chunk[0] == 0 => {} // ballast
            Replay::Chunk(chunk) => self.count = self.number(chunk),
            Replay::Frame(frame) => {
                let number = self.number(frame.payload);
                assert!(number <= self.count, "{number} after {}", self.count);
                assert_eq!(frame.offset, offset(number), "where {number} is");
                assert_eq!(frame.payload, payload(self.history.unwrap(), number));
                self.count = self.count.max(number + 1);
            }
        }
    }

    fn number(&mut self, bytes: &[u8]) -> u32 {
        assert_eq!(*self.history.get_or_insert(bytes[0]), bytes[0], "two histories in one log");
        u32::from_le_bytes(bytes[1..5].try_into().unwrap())
    }
}

fn try_open(dir: &SimDir, cut_damaged: bool) -> Result<(Log, Seen), OpenError> {
    let mut seen = Seen::default();
    let options = Options { cut_damaged };
    let (log, report) = Log::open(Arc::new(dir.clone()), &options, &mut |replay| {
        seen.replay(replay);
        Ok(())
    })?;
    assert_eq!((log.end(), log.synced()), (report.end, report.end));
    if report.incomplete_until.is_none() {
        assert_eq!(report.end, offset(seen.count), "{report:?}");
    }
    seen.report = report;
    Ok((log, seen))
}

/// Whether an error says that the files are not as they were written.
fn is_damaged(error: &impl std::fmt::Display) -> bool {
    error.to_string().contains(" is damaged")
}

/// Whether it says how to open the log all the same, losing what is behind the damage.
fn is_cuttable(error: &OpenError) -> bool {
    error.to_string().contains("--cut-damaged")
}

fn open(dir: &SimDir) -> (Log, Seen) {
    try_open(dir, false).unwrap_or_else(|error| panic!("{error}\n{dir:?}"))
}

fn reopen(dir: &SimDir) -> (Log, Seen) {
    open(&dir.crash(Crash::Lose))
}

/// Appends the payloads with these numbers.
fn append(log: &mut Log, history: u8, numbers: std::ops::Range<u32>) {
    for number in numbers {
        assert_eq!(log.end(), offset(number));
        assert_eq!(log.append(&payload(history, number)).unwrap(), offset(number + 1));
    }
}

/// Takes a whole snapshot at the end; what was appended is `count` payloads.
fn snapshot(log: &mut Log, history: u8, count: u32) -> std::io::Result<u64> {
    let start = log.rotate()?;
    let mut writer = log.snapshot_writer(start)?;
    chunks(&mut writer, history, count)?;
    writer.finish(log.synced())?;
    Ok(start)
}

fn chunks(writer: &mut super::SnapshotWriter, history: u8, count: u32) -> std::io::Result<()> {
    writer.chunk(&[&[history][..], &count.to_le_bytes()].concat())?;
    writer.chunk(&[0; 50])
}

/// A seed that is not the same every time; a test that fails prints it.
fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = now.map_or(0, |now| now.as_nanos() as u64);
    let seed = std::env::var("LOG_SEED").map_or(seed, |text| text.parse().unwrap());
    println!("LOG_SEED={seed}");
    Chance(seed).number()
}

#[test]
fn an_empty_directory_is_an_empty_log() {
    let (log, seen) = open(&SimDir::new());
    assert_eq!((log.end(), seen), (0, Seen::default()));
}

#[test]
fn what_was_synced_comes_back_in_order() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..20);
    assert_eq!(log.sync().unwrap(), offset(20));
    append(&mut log, 1, 20..22);
    let (_, seen) = reopen(&dir);
    assert_eq!((seen.count, seen.report.frames, seen.report.cut), (20, 20, None));
}

#[test]
fn an_append_is_one_write() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    let before = dir.operations();
    log.append(&[7; 32 * 1024]).unwrap();
    assert_eq!(dir.operations() - before, 1);
}

#[test]
fn a_log_goes_on_over_segments_and_snapshots() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..5);
    assert_eq!(log.rotate().unwrap(), offset(5));
    assert_eq!(log.rotate().unwrap(), offset(5), "an empty segment stays");
    append(&mut log, 1, 5..8);
    let start = snapshot(&mut log, 1, 8).unwrap();
    append(&mut log, 1, 8..10);
    log.sync().unwrap();
    let (log, seen) = reopen(&dir.after(Crash::Lose));
    assert_eq!((seen.count, seen.report.snapshot, seen.report.frames), (10, Some(start), 2));
    assert_eq!(log.tail().first_offset(), 0, "older segments are kept until they are forgotten");
    drop(log);
    let (log, _) = open(&dir);
    log.tail().forget_before(u64::MAX).unwrap();
    assert_eq!(log.tail().first_offset(), start);
    let (_, seen) = reopen(&dir);
    assert_eq!((seen.count, seen.report.snapshot, seen.report.frames), (10, Some(start), 2));
}

#[test]
fn a_snapshot_begins_where_a_segment_begins() {
    let (mut log, _) = open(&SimDir::new());
    append(&mut log, 1, 0..3);
    assert!(log.snapshot_writer(offset(3)).is_err(), "nobody rotated");
    assert!(log.snapshot_writer(offset(4)).is_err());
    log.rotate().unwrap();
    drop(log.snapshot_writer(offset(3)).unwrap());
}

#[test]
fn nothing_is_forgotten_without_a_snapshot() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..3);
    log.rotate().unwrap();
    log.tail().forget_before(u64::MAX).unwrap();
    assert_eq!(reopen(&dir).1.count, 3);
}

#[test]
fn a_log_that_ends_before_its_snapshot_is_consistent_says_so() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..3);
    log.sync().unwrap();
    let start = log.rotate().unwrap();
    let mut writer = log.snapshot_writer(start).unwrap();
    chunks(&mut writer, 1, 3).unwrap();
    writer.finish(start + 1000).unwrap(); // a follower has this before it has the log up to there
    let (_, seen) = reopen(&dir);
    assert_eq!(seen.report.incomplete_until, Some(start + 1000));
}

#[test]
fn left_overs_are_removed_and_strangers_are_not() {
    let dir = SimDir::new();
    drop(open(&dir));
    use super::files::Dir;
    for name in ["log-7.tmp", "snapshot-00000000000000000009.1.tmp", "notes.tmp", "LOCK"] {
        dir.create(name).unwrap();
    }
    let (_, seen) = open(&dir);
    assert_eq!(seen.report.removed.len(), 2, "{:?}", seen.report);
    assert_eq!(dir.list().unwrap().len(), 3, "{dir:?}");
}

#[test]
fn the_parts_can_go_to_other_threads() {
    fn send<T: Send>() {}
    fn share<T: Send + Sync>() {}
    send::<Log>();
    send::<super::Reader>();
    send::<super::SnapshotWriter>();
    send::<super::Incoming>();
    send::<super::Received>();
    send::<super::Unsynced>();
    share::<super::Tail>();
    share::<super::SnapshotFile>();
}
