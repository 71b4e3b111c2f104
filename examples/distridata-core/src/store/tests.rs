//! Promises S1–S4 and D4, with random ops.

use std::collections::BTreeMap;

use super::*;
use crate::testing::{Random, random_key, random_op};

/// Everything a store has, in order.
#[derive(Debug, PartialEq, Eq)]
struct All {
    entries: BTreeMap<Bytes, Entry>,
    deadlines: BTreeSet<(Millis, Bytes)>,
    len: usize,
    epochs: Vec<Epoch>,
    digest: u128,
}

fn all(store: &Store) -> All {
    let entries = (0..SHARDS).flat_map(|shard| store.shard(shard));
    All {
        entries: entries.map(|(key, entry)| (key.clone(), entry.clone())).collect(),
        deadlines: store.keys.deadlines.clone(),
        len: store.len(),
        epochs: store.epochs.clone(),
        digest: store.digest(),
    }
}

/// S1, S2, S4.
fn check(store: &Store) {
    let all = all(store);
    let deadlines =
        all.entries.iter().filter_map(|(key, entry)| Some((entry.expires?, key.clone())));
    assert_eq!(deadlines.collect::<BTreeSet<_>>(), all.deadlines, "S1");
    assert_eq!(all.entries.len(), all.len, "S2");
    assert!(all.epochs.len() <= EPOCHS_MAX, "S4");
    assert!(all.epochs.is_sorted_by(|a, b| a.start < b.start), "S4");
}

fn replay(store: &mut Store, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let _ = store.apply(Op::decode(&mut bytes).unwrap());
    }
}

/// An op that a command could have issued: it appends where the value ends.
fn possible_op(random: &mut Random, store: &Store) -> Op {
    match random_op(random) {
        Op::Append { key, tail, .. } => match store.stored(&key) {
            Some(entry) => Op::Append { at: entry.value.len() as u64, key, tail },
            None => Op::Set { key, value: tail, expires: None },
        },
        // Rarely, or there would be nothing to see.
        Op::Clear if random.below(4) > 0 => Op::Delete { key: random_key(random) },
        op => op,
    }
}

#[test]
fn s3_undoing_everything_leads_back() {
    let mut random = Random::new(11);
    for _ in 0..150 {
        let mut store = Store::new();
        for _ in 0..random.below(30) {
            let _ = store.apply(random_op(&mut random));
        }
        let before = all(&store);
        let undos: Vec<Undo> = (0..40).map(|_| store.apply(random_op(&mut random))).collect();
        check(&store);
        undos.into_iter().rev().for_each(|undo| store.undo(undo));
        assert_eq!(all(&store), before);
    }
}

#[test]
fn s3_undoing_an_append_leaves_the_value_alone_that_a_reply_shares() {
    let mut store = Store::new();
    let key = Bytes::from(&b"k"[..]);
    let _ = store.apply(Op::Set { key: key.clone(), value: b"ab"[..].into(), expires: None });
    let undo = store.apply(Op::Append { key, at: 2, tail: b"cd"[..].into() });
    let reply = store.get(b"k", 0).unwrap().value.clone();
    store.undo(undo);
    assert_eq!((&store.get(b"k", 0).unwrap().value[..], &reply[..]), (&b"ab"[..], &b"abcd"[..]));
}

/// D4: a snapshot whose shards are of different moments, and all ops since it was begun, make the
/// state at the end.
///
/// Few ops for many keys: where a key is set or deleted meanwhile, replay hides every mistake.
#[test]
fn d4_a_snapshot_may_be_taken_while_ops_go_on() {
    let mut random = Random::new(12);
    let mut appends_met = 0;
    for _ in 0..150 {
        let mut store = Store::new();
        for _ in 0..40 {
            let op = possible_op(&mut random, &store);
            let _ = store.apply(op);
        }
        let (mut snapshot, mut log) = (vec![Vec::new()], Vec::new());
        let op_count = 1 + random.below(40);
        let epochs_at = random.below(SHARDS as u64) as usize;
        for shard in 0..SHARDS {
            if random.below(SHARDS as u64) < op_count {
                let op = possible_op(&mut random, &store);
                op.encode(&mut log);
                let _ = store.apply(op);
            }
            store.shard_ops(shard, 100, &mut snapshot);
            if shard == epochs_at {
                store.epoch_ops(snapshot.last_mut().unwrap());
            }
        }
        assert!(snapshot.iter().rev().skip(1).all(|chunk| chunk.len() >= 100));
        let mut copy = Store::new();
        snapshot.iter().for_each(|chunk| replay(&mut copy, chunk));
        let mut ops = &log[..];
        while !ops.is_empty() {
            let op = Op::decode(&mut ops).unwrap();
            let is_append = matches!(&op, Op::Append { tail, .. } if !tail.is_empty());
            appends_met += usize::from(copy.apply(op).is_nothing() && is_append);
        }
        assert_eq!(all(&copy), all(&store));
        check(&copy);
    }
    assert!(appends_met > 50, "witness: appends that the snapshot held already: {appends_met}");
}

#[test]
fn o2_an_append_applies_at_its_length_only() {
    let mut store = Store::new();
    let append = |at| Op::Append { key: Bytes::from(&b"k"[..]), at, tail: b"x"[..].into() };
    assert!(store.apply(append(0)).is_nothing(), "a missing value");
    let key = Bytes::from(&b"k"[..]);
    let _ = store.apply(Op::Set { key, value: b"ab"[..].into(), expires: None });
    assert!(store.apply(append(1)).is_nothing(), "a longer value");
    assert!(store.apply(append(3)).is_nothing(), "a shorter value");
    assert!(!store.apply(append(2)).is_nothing());
    assert_eq!(&store.get(b"k", 0).unwrap().value[..], b"abx");
}

#[test]
fn epochs_replayed_change_nothing_even_those_that_were_forgotten() {
    let epochs: Vec<Op> =
        (0..100).map(|n| Op::Epoch(Epoch { id: 1000 - n, start: n * n })).collect();
    let mut store = Store::new();
    for epoch in &epochs {
        let _ = store.apply(epoch.clone());
    }
    assert_eq!(store.epochs().len(), EPOCHS_MAX);
    let before = all(&store);
    for epoch in epochs {
        let _ = store.apply(epoch);
    }
    assert_eq!(all(&store), before);
    assert_eq!(store.epochs().last(), Some(&Epoch { id: 901, start: 99 * 99 }));
}

#[test]
fn an_epoch_that_wrote_nothing_is_replaced() {
    let mut store = Store::new();
    let epochs = [(1, 0), (2, 50), (3, 50)].map(|(id, start)| Epoch { id, start });
    for epoch in epochs {
        let _ = store.apply(Op::Epoch(epoch));
    }
    assert_eq!(store.epochs(), [epochs[0], epochs[2]]);
}

#[test]
fn what_has_expired_is_hidden_but_stored() {
    let mut store = Store::new();
    for (key, expires) in [("a", Some(30)), ("b", Some(10)), ("c", None), ("d", Some(20))] {
        let key = Bytes::from(key.as_bytes());
        let _ = store.apply(Op::Set { key, value: b"v"[..].into(), expires });
    }
    assert!(store.get(b"b", 9).is_some());
    assert!(store.get(b"b", 10).is_none());
    assert_eq!((store.len(), store.next_deadline()), (4, Some(10)));
    let keys = |now, max| -> Vec<Vec<u8>> {
        store.expired(now, max).iter().map(|key| key.to_vec()).collect()
    };
    assert_eq!(keys(9, 10), Vec::<Vec<u8>>::new());
    assert_eq!(keys(20, 10), [b"b", b"d"]);
    assert_eq!(keys(99, 1), [b"b"]);
}

#[test]
fn the_digest_is_the_same_everywhere_and_sees_every_difference() {
    let set = |key: &str, value: &str, expires| {
        let (key, value) = (Bytes::from(key.as_bytes()), Value::from(value.as_bytes()));
        Op::Set { key, value, expires }
    };
    let digest = |ops: &[Op]| {
        let mut store = Store::new();
        for op in ops {
            let _ = store.apply(op.clone());
        }
        store.digest()
    };
    assert_eq!(digest(&[]), 0);
    let both = [set("key", "some value", None), set("b", "c", Some(7))];
    assert_eq!(digest(&both), EXPECTED, "digests of other builds would differ");
    assert_eq!(digest(&both), digest(&[both[1].clone(), both[0].clone()]));
    let others = [
        set("b", "c", None),
        set("b", "c", Some(8)),
        set("b", "", Some(7)),
        set("", "bc", Some(7)),
        set("bc", "", Some(7)),
        set("b", "c\0", Some(7)),
    ];
    for other in others {
        assert_ne!(digest(&[both[0].clone(), other.clone()]), digest(&both), "{other:?}");
    }
}

/// Computed once; it must never change within one version of the protocol between nodes.
const EXPECTED: u128 = 67_850_864_234_632_666_066_378_416_022_872_017_599;

#[test]
fn shards_are_the_same_everywhere_and_even() {
    assert_eq!((shard_of(b""), shard_of(b"a"), shard_of(b"key:000000000001")), (0, 3260, 1966));
    let mut counts = vec![0; SHARDS];
    for number in 0..SHARDS * 16 {
        counts[shard_of(format!("key:{number:012}").as_bytes())] += 1;
    }
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least >= 1 && *most <= 48, "{least} to {most} keys in a shard instead of 16");
}

#[test]
fn memory_of_deleted_keys_is_given_back() {
    let mut store = Store::new();
    let key = |number: u32| Bytes::from(&number.to_be_bytes()[..]);
    let shard = shard_of(&key(0));
    let same: Vec<Bytes> =
        (0..).map(key).filter(|key| shard_of(key) == shard).take(2 * SHRINK_MIN).collect();
    for key in &same {
        let _ = store.apply(Op::Set { key: key.clone(), value: Value::default(), expires: None });
    }
    assert!(store.keys.shards[shard].capacity() > SHRINK_MIN);
    for key in same {
        let _ = store.apply(Op::Delete { key });
    }
    assert!(store.keys.shards[shard].capacity() <= SHRINK_MIN);
}
