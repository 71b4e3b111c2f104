//! Promises J1 and J2, with random failures.

use super::*;
use crate::engine::open::apply_all;
use crate::op::Bytes;
use crate::testing::{Random, random_op};

const VALUE_MAX: usize = 1 << 20;

fn transact(store: &mut Store, journal: &mut Journal, op: Op) {
    Transaction { store, journal, now: 0, value_max: VALUE_MAX }.apply(op);
}

fn digest_with_epochs(store: &Store) -> (u128, usize, Vec<u8>) {
    let mut epochs = Vec::new();
    store.epoch_ops(&mut epochs);
    (store.digest(), store.len(), epochs)
}

/// What is in the log, applied to nothing.
fn replayed(log: &[Group]) -> Store {
    let mut store = Store::new();
    log.iter().for_each(|group| apply_all(&mut store, &group.payload).unwrap());
    store
}

/// J1: after a failure memory is what the log says, and nothing else.
#[test]
fn j1_a_failure_leads_back_to_the_last_group_that_is_safe() {
    let mut random = Random::new(21);
    let mut failures = [0; 4];
    for _ in 0..60 {
        let (mut store, mut journal) = (Store::new(), Journal::new());
        let mut safe: Vec<Group> = Vec::new();
        let mut taken: VecDeque<Group> = VecDeque::new();
        for _ in 0..80 {
            match random.below(12) {
                0..5 => transact(&mut store, &mut journal, random_op(&mut random)),
                5..9 => taken.extend(journal.take_group()),
                9..11 => {
                    // One or two of the oldest become safe, as one `kept` says.
                    let count = taken.len().min(1 + random.below(2) as usize);
                    safe.extend(taken.drain(..count));
                    if let Some(last) = safe.last() {
                        drop(journal.kept(last.number));
                    }
                }
                _ => {
                    failures[taken.len().min(3)] += 1;
                    journal.roll_back(&mut store);
                    taken.clear();
                    assert_eq!(journal.latest(), None);
                    assert_eq!(digest_with_epochs(&store), digest_with_epochs(&replayed(&safe)));
                }
            }
        }
        taken.extend(journal.take_group());
        let all: Vec<Group> = safe.into_iter().chain(taken).collect();
        assert_eq!(digest_with_epochs(&store), digest_with_epochs(&replayed(&all)));
    }
    assert!(failures.iter().all(|count| *count > 5), "witness: {failures:?}");
}

#[test]
fn j2_numbers_of_failed_groups_are_not_used_again() {
    let (mut store, mut journal) = (Store::new(), Journal::new());
    transact(&mut store, &mut journal, Op::Delete { key: Bytes::from(&b"k"[..]) });
    assert_eq!(journal.latest(), Some(1));
    assert_eq!(journal.take_group().map(|group| group.number), Some(1));
    assert_eq!(journal.take_group(), None);
    assert_eq!(journal.latest(), Some(1));
    transact(&mut store, &mut journal, Op::Clear);
    journal.roll_back(&mut store);
    assert_eq!((journal.latest(), journal.pending_len()), (None, 0));
    transact(&mut store, &mut journal, Op::Clear);
    assert_eq!(journal.take_group().map(|group| group.number), Some(3));
    drop(journal.kept(3));
    journal.roll_back(&mut store); // nothing, but it may have been seen
    transact(&mut store, &mut journal, Op::Clear);
    assert_eq!(journal.latest(), Some(5));
}

#[test]
fn a_payload_that_was_written_lends_its_memory_to_the_next_one() {
    let (mut store, mut journal) = (Store::new(), Journal::new());
    transact(&mut store, &mut journal, Op::Clear);
    let first = journal.take_group().unwrap();
    let memory = first.payload.as_ptr();
    journal.reuse(first.payload);
    transact(&mut store, &mut journal, Op::Clear);
    let _ = journal.take_group();
    transact(&mut store, &mut journal, Op::Clear);
    assert_eq!(journal.take_group().unwrap().payload.as_ptr(), memory);
}
