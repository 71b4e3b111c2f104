//! What goes on between two awaits: futures polled by hand, at the moment that matters.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use runtime_traits::time::{self, Duration};

use super::*;
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
    while lock(&engine.log).last_base() == 0 {
        task::yield_now().await;
    }
    // Time for a compaction that does not wait to do its damage; one that waits cannot end.
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
