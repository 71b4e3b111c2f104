//! What goes on between two awaits: futures polled by hand, at the moment that matters.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use runtime_traits::task::TaskGroup;
use runtime_traits::time::{self, Duration, Instant};

use super::*;
use crate::log::files::Dir;
use crate::log::frame::encode;
use crate::log::sim::SimDir;
use crate::node::Settings;
use crate::op::{Bytes, Value};

fn open(dir: &SimDir) -> Engine {
    Engine::open(Arc::new(dir.clone()), &Settings::default()).unwrap().0
}

fn set(key: &str, length: usize) -> Op {
    let (key, value) = (Bytes::from(key.as_bytes()), Value::from(vec![b'v'; length]));
    Op::Set { key, value, expires: None }
}

/// A frame that a primary would send.
fn frame(offset: u64, op: &Op) -> Vec<u8> {
    let (mut payload, mut bytes) = (Vec::new(), Vec::new());
    op.encode(&mut payload);
    encode(&mut bytes, offset, &payload);
    bytes
}

fn poll<R>(future: std::pin::Pin<&mut impl Future<Output = R>>) -> Poll<R> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

impl Engine {
    /// As long as this is kept, nothing that needs the log goes on.
    pub(crate) fn hold_log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }
}

fn has(engine: &Engine, key: &str) -> bool {
    engine.lock().store.stored(key.as_bytes()).is_some()
}

/// Changes the data, and waits until that is written.
async fn write(engine: &Engine, op: Op) -> Result<(), NotWritten> {
    engine.with(|transaction, _| transaction.apply(op)).ticket.unwrap().ended().await
}

/// Waits for what must come.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "not after 20 s: {what}");
        time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn d5_who_waits_for_room_looks_again_when_woken() {
    let engine = open(&SimDir::new());
    let fill = || engine.with(|transaction, _| transaction.apply(set("big", PENDING_MAX)));
    fill();
    let mut room = pin!(engine.room());
    assert!(poll(room.as_mut()).is_pending());
    engine.undo(&NotWritten::because("for a test"));
    fill(); // somebody else was faster
    assert!(poll(room.as_mut()).is_pending(), "full again, and let in");
    engine.undo(&NotWritten::because("for a test"));
    assert!(poll(room.as_mut()).is_ready());
}

#[runtime_default::test]
async fn e3_frames_that_are_no_ops_are_refused_before_they_are_written() {
    let dir = SimDir::new();
    let engine = open(&dir);
    let mut bad = frame(0, &set("first", 1));
    let end = bad.len() as u64;
    let mut no_op = Vec::new();
    encode(&mut no_op, end, b"\xff");
    bad.extend_from_slice(&no_op);
    assert!(engine.receive(bad).await.is_err());
    assert_eq!((engine.safe(), lock(&engine.log).end()), (0, 0));
    engine.receive(frame(0, &set("key", 1))).await.unwrap();
    assert!(has(&open(&dir), "key") && !has(&open(&dir), "first"));
}

#[runtime_default::test]
async fn k1_a_followers_snapshot_waits_for_data_that_is_in_the_log_already() {
    let dir = SimDir::new();
    let engine = Arc::new(open(&dir));
    let mut receiving = pin!(engine.receive(frame(0, &set("key", 1))));
    let held = engine.hold_log();
    assert!(poll(receiving.as_mut()).is_pending());
    drop(held);
    while lock(&engine.log).end() == 0 {
        task::yield_now().await; // written by now, and nobody has looked at `receiving`
    }
    let compacting = task::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.compact().await }
    });
    let rotated = || dir.list().unwrap().iter().filter(|name| name.starts_with("log-")).count() > 1;
    until("another segment", rotated).await;
    // Time for a compaction that does not wait to do its damage; one that waits cannot end. So this
    // may miss what it looks for, on a machine that is busy, and never blames what is right.
    for _ in 0..1000 {
        if compacting.is_finished() {
            break;
        }
        time::sleep(Duration::from_micros(100)).await;
    }
    receiving.await.unwrap();
    compacting.await.unwrap().unwrap();
    assert!(has(&engine, "key") && has(&open(&dir), "key"));
}

#[runtime_default::test]
async fn d3_no_snapshot_is_made_of_a_state_that_never_was() {
    let engine = open(&SimDir::new());
    engine.receive(frame(0, &set("key", 1))).await.unwrap();
    engine.lock().whole_from = engine.safe() + 1;
    assert!(engine.compact().await.is_err());
    engine.lock().whole_from = engine.safe();
    assert!(engine.compact().await.is_ok());
}

#[test]
fn d3_who_is_of_an_unknown_epoch_shares_no_history_not_even_an_empty_one() {
    let engine = open(&SimDir::new());
    assert!(!engine.has_in_its_history(0, 0));
    engine.lock().store.apply(Op::Epoch(Epoch { id: 7, start: 0 })).is_nothing();
    assert!(engine.has_in_its_history(7, 0));
    // A snapshot at offset 0 has data, too: whose, only the epoch tells.
    assert!(!engine.has_in_its_history(8, 0));
}

#[runtime_default::test]
async fn e2_a_panic_of_whoever_looks_leaves_nothing_pending_for_ever() {
    let engine = Arc::new(open(&SimDir::new()));
    let mut writing = pin!(Arc::clone(&engine).write_groups());
    assert!(poll(writing.as_mut()).is_pending());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        engine.with(|transaction, _| {
            transaction.apply(set("key", 1));
            panic!("for a test");
        });
    }));
    assert!(panicked.is_err());
    assert!(engine.with(|_, _| ()).ticket.is_some());
    assert!(poll(writing.as_mut()).is_pending());
    assert_eq!(engine.lock().journal.pending_len(), 0, "nobody has taken it");
}

#[runtime_default::test]
async fn everysec_syncs_a_log_that_is_as_long_as_the_one_it_replaced() {
    let engine = Arc::new(open(&SimDir::new()));
    let mut tasks = TaskGroup::new();
    tasks.spawn(Arc::clone(&engine).write_groups());
    tasks.spawn(Arc::clone(&engine).sync_every(Duration::from_millis(5)));
    write(&engine, set("old", 10)).await.unwrap();
    let end = engine.safe();
    until("a sync", || lock(&engine.log).synced() == end).await;
    engine.restart().await.unwrap();
    write(&engine, set("new", 10)).await.unwrap();
    assert_eq!(engine.safe(), end);
    until("a sync of the new log", || lock(&engine.log).synced() == end).await;
}

#[runtime_default::test]
async fn everysec_makes_up_for_no_syncs_after_a_stall() {
    let engine = Arc::new(open(&SimDir::new()));
    let mut tasks = TaskGroup::new();
    tasks.spawn(Arc::clone(&engine).write_groups());
    const EVERY: Duration = Duration::from_millis(200);
    let mut syncing = pin!(Arc::clone(&engine).sync_every(EVERY));
    assert!(poll(syncing.as_mut()).is_pending());
    std::thread::sleep(EVERY.mul_f64(4.5)); // nobody polls it, and four ticks pass
    let (start, mut synced, mut syncs) = (Instant::now(), 0, 0);
    loop {
        write(&engine, set("key", 1)).await.unwrap();
        assert!(poll(syncing.as_mut()).is_pending());
        let now = lock(&engine.log).synced();
        if start.elapsed() > EVERY.mul_f64(0.9) {
            break;
        }
        syncs += u32::from(now != synced);
        synced = now;
    }
    // The one of the first tick, and the one that is late.
    assert!(syncs <= 2, "{syncs} syncs between two ticks");
}

#[runtime_default::test]
async fn who_cannot_delete_what_has_expired_tries_less_and_less_often() {
    let dir = SimDir::new();
    let engine = Arc::new(open(&dir));
    let mut tasks = TaskGroup::new();
    tasks.spawn(Arc::clone(&engine).write_groups());
    let (key, value) = (Bytes::from(&b"old"[..]), Value::from(&b"v"[..]));
    write(&engine, Op::Set { key, value, expires: Some(1) }).await.unwrap();
    dir.set_room(Some(dir.used()));
    let start = Instant::now();
    tasks.spawn(Arc::clone(&engine).delete_expired());
    let mut failed = 0;
    while start.elapsed() < Duration::from_millis(1500) {
        failed = engine.lock().undone;
        time::sleep(Duration::from_millis(10)).await;
    }
    assert!(failed <= 5, "{failed} groups have failed");
    until("a second failure", || engine.lock().undone >= 2).await;
    dir.set_room(None);
    until("the end of the key", || !has(&engine, "old")).await;
}

/// Keys that lie in one shard.
fn neighbours() -> Vec<Bytes> {
    let mut store = Store::new();
    for number in 0..40_000 {
        let (key, value) = (Bytes::from(number.to_string().as_bytes()), Value::from(&b""[..]));
        let _ = store.apply(Op::Set { key, value, expires: None });
    }
    let shards = (0..crate::store::SHARDS).map(|shard| store.shard(shard));
    let fullest = shards.max_by_key(ExactSizeIterator::len).unwrap();
    fullest.map(|(key, _)| key.clone()).collect()
}

#[runtime_default::test]
async fn a_snapshot_of_one_large_shard_has_many_chunks() {
    let dir = SimDir::new();
    let engine = Arc::new(open(&dir));
    let mut tasks = TaskGroup::new();
    tasks.spawn(Arc::clone(&engine).write_groups());
    let (keys, length) = (neighbours(), 64 << 10);
    for key in keys.clone() {
        let value = Value::from(vec![b'v'; length]);
        write(&engine, Op::Set { key, value, expires: None }).await.unwrap();
    }
    engine.compact().await.unwrap();
    let (mut chunks, mut longest) = (0, 0);
    let options = crate::log::Options::default();
    let replayed = Log::open(Arc::new(dir.clone()), &options, &mut |replay| {
        if let crate::log::Replay::Chunk(ops) = replay {
            (chunks, longest) = (chunks + 1, ops.len().max(longest));
        }
        Ok(())
    });
    drop(replayed.unwrap());
    assert!(longest < 4 * length, "{longest} bytes in one of {chunks} chunks");
    let again = open(&dir);
    assert!(keys.iter().all(|key| again.lock().store.stored(key).is_some()));
}

#[runtime_default::test]
async fn a_log_that_may_grow_for_ever_is_never_too_large() {
    let engine = Arc::new(open(&SimDir::new()));
    engine.receive(frame(0, &set("key", 1))).await.unwrap();
    engine.compact().await.unwrap();
    let mut compacting = pin!(Arc::clone(&engine).compact_when_large(u64::MAX));
    assert!(poll(compacting.as_mut()).is_pending());
    assert!(poll(compacting.as_mut()).is_pending());
}
