//! The wheel against a sorted map, and its corners one by one.

use super::*;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
};

/// A waker that writes its number down.
struct Named(u64, Arc<Mutex<Vec<u64>>>);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// A wheel whose timers are known by number.
#[derive(Default)]
struct Lab {
    wheel: Wheel,
    log: Arc<Mutex<Vec<u64>>>,
    named: u64,
}

impl Lab {
    fn waker(&mut self) -> Waker {
        self.named += 1;
        Arc::new(Named(self.named, self.log.clone())).into()
    }

    fn insert(&mut self, at: u64) -> u64 {
        let waker = self.waker();
        self.wheel.insert(at, waker)
    }

    /// Advances and returns the numbers of those that fired, in order.
    fn advance(&mut self, now: u64) -> Vec<u64> {
        let mut out = Vec::new();
        self.wheel.advance(now, &mut out);
        out.into_iter().for_each(Waker::wake);
        std::mem::take(&mut *self.log.lock().unwrap())
    }
}

/// Pseudo-random numbers; the seed is printed by the test that fails.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A distance that is as often nanoseconds as it is centuries.
    fn distance(&mut self) -> u64 {
        let bits = self.below(64);
        self.next() >> (63 - bits)
    }
}

#[test]
fn fires_at_the_deadline_and_not_a_nanosecond_before() {
    for at in [1, 500, 65_535, 65_536, 65_537, 1 << 22, (1 << 30) + 7, (1 << 60) + 1] {
        let mut lab = Lab::default();
        let key = lab.insert(at);
        assert_eq!(lab.wheel.next_deadline(), Some(at));
        assert_eq!(lab.advance(at - 1), []);
        assert_eq!(lab.wheel.state(key), Some(TimerState::Pending));
        assert_eq!(lab.wheel.next_deadline(), Some(at));
        assert_eq!(lab.advance(at), [1]);
        assert_eq!(lab.wheel.state(key), Some(TimerState::Fired));
        assert_eq!(lab.wheel.next_deadline(), None);
    }
}

#[test]
fn one_tick_fires_in_parts_and_in_order() {
    let mut lab = Lab::default();
    for at in [900, 100, 500, 100] {
        lab.insert(at);
    }
    assert_eq!(lab.advance(99), []);
    assert_eq!(lab.advance(100), [2, 4]);
    assert_eq!(lab.wheel.next_deadline(), Some(500));
    assert_eq!(lab.advance(1 << 40), [3, 1]);
}

#[test]
fn a_deadline_in_the_past_is_due_at_once() {
    let mut lab = Lab::default();
    lab.advance(1 << 50);
    lab.insert(0);
    lab.insert(1 << 50);
    assert_eq!(lab.wheel.next_deadline(), Some(0));
    assert_eq!(lab.advance(1 << 50), [1, 2]);
}

#[test]
fn never_does_not_come_and_disturbs_nobody() {
    let mut lab = Lab::default();
    let key = lab.insert(NEVER);
    assert_eq!(lab.wheel.next_deadline(), None);
    lab.insert(NEVER - 1);
    assert_eq!(lab.advance(NEVER - 2), []);
    assert_eq!(lab.advance(NEVER), [2]);
    assert_eq!(lab.wheel.state(key), Some(TimerState::Pending));
    assert!(lab.wheel.reset(key, 5));
    assert_eq!(lab.advance(NEVER), [1]);
}

#[test]
fn short_timers_work_after_any_uptime_beside_a_far_one() {
    for bits in 17..63 {
        let mut lab = Lab::default();
        lab.insert(NEVER - 1);
        for start in [(1 << bits) - 3, (1 << bits), (1 << bits) + 3] {
            lab.advance(start);
            let number = lab.named + 1;
            lab.insert(start + 1_000_000);
            assert_eq!(lab.advance(start + 999_999), [], "2^{bits}");
            assert_eq!(lab.advance(start + 1_000_000), [number], "2^{bits}");
        }
    }
}

#[test]
fn a_later_deadline_stays_and_an_earlier_one_moves() {
    let mut lab = Lab::default();
    let key = lab.insert(1_000_000);
    assert!(lab.wheel.reset(key, 9_000_000_000));
    assert_eq!(lab.advance(1_000_000), []);
    assert_eq!(lab.wheel.next_deadline(), Some(9_000_000_000), "one useless turn, not more");
    assert!(lab.wheel.reset(key, 2_000_000));
    assert_eq!(lab.wheel.next_deadline(), Some(2_000_000));
    assert_eq!(lab.advance(2_000_000), [1]);
}

#[test]
fn a_fired_timer_can_be_armed_again() {
    let mut lab = Lab::default();
    let key = lab.insert(1);
    assert_eq!(lab.advance(1), [1]);
    assert!(lab.wheel.reset(key, 2));
    assert_eq!(lab.wheel.state(key), Some(TimerState::Pending));
    let waker = lab.waker();
    assert!(!lab.wheel.will_wake(key, &waker));
    assert!(lab.wheel.replace_waker(key, waker.clone()).is_none());
    assert!(lab.wheel.will_wake(key, &waker));
    assert_eq!(lab.advance(2), [2]);
}

#[test]
fn a_dead_key_does_nothing_and_gives_the_waker_back() {
    let mut lab = Lab::default();
    let dead = lab.insert(5);
    assert!(lab.wheel.remove(dead).is_some());
    let alive = lab.insert(7);
    assert_ne!(dead, alive);
    let waker = lab.waker();
    for key in [0, dead, u64::MAX] {
        assert!(lab.wheel.remove(key).is_none());
        assert!(!lab.wheel.reset(key, 1));
        assert_eq!(lab.wheel.deadline(key), None);
        assert_eq!(lab.wheel.state(key), None);
        assert!(lab.wheel.replace_waker(key, waker.clone()).is_some());
    }
    assert_eq!(lab.advance(7), [2]);
}

/// TIME-5: no reference to a waker is left once its timer is removed or has fired.
#[test]
fn wakers_are_let_go() {
    struct Counted(AtomicUsize);
    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let counted = Arc::new(Counted(AtomicUsize::new(0)));
    let mut wheel = Wheel::new();
    let keys: Vec<_> = (0..4).map(|at| wheel.insert(at, counted.clone().into())).collect();
    assert_eq!(Arc::strong_count(&counted), 5);
    drop(wheel.remove(keys[3]));
    let mut out = Vec::new();
    wheel.advance(0, &mut out);
    wheel.fire_all(&mut out);
    assert_eq!(out.len(), 3);
    out.into_iter().for_each(Waker::wake);
    assert_eq!((Arc::strong_count(&counted), counted.0.load(Ordering::Relaxed)), (1, 3));
    assert_eq!(wheel.len(), 3, "fired timers stay until they are removed");
}

/// The promise a driver lives on: whoever sleeps until `next_deadline` and advances to it gets
/// everything in few turns, and nothing is due before.
#[test]
fn a_driver_that_follows_next_deadline_wastes_no_turn() {
    let (mut lab, mut random) = (Lab::default(), Random(7));
    for _ in 0..500 {
        let at = random.below(1 << 44);
        lab.insert(at);
    }
    let (mut turns, mut fired) = (0, 0);
    while let Some(next) = lab.wheel.next_deadline() {
        turns += 1;
        let woken = lab.advance(next);
        assert!(!woken.is_empty(), "a turn to {next} for nothing");
        fired += woken.len();
    }
    assert_eq!(fired, 500);
    assert!(turns <= 500);
}

/// What the wheel should do, in a sorted map: deadline and creation to key and number.
#[derive(Default)]
struct Model {
    pending: BTreeMap<(u64, u64), u64>,
    at: BTreeMap<u64, (u64, u64)>,
}

impl Model {
    fn put(&mut self, key: u64, at: u64, number: u64) {
        self.pending.insert((at, number), key);
        self.at.insert(key, (at, number));
    }

    /// All that is due, as (deadline, number).
    fn advance(&mut self, now: u64) -> Vec<(u64, u64)> {
        let due: Vec<_> = self
            .pending
            .range(..=(now, u64::MAX))
            .map(|(k, _)| *k)
            .filter(|k| k.0 != NEVER)
            .collect();
        self.pending.retain(|k, _| k.0 == NEVER || k.0 > now);
        due
    }
}

/// 12 runs of 3,000 random steps each, time going by in leaps from a nanosecond to centuries.
#[test]
fn agrees_with_a_sorted_map() {
    for seed in 1..=12 {
        agrees_for(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
    }
}

fn agrees_for(seed: u64) {
    let (mut lab, mut model, mut random) = (Lab::default(), Model::default(), Random(seed));
    let (mut now, mut keys): (u64, Vec<u64>) = (0, Vec::new());
    for step in 0..3_000 {
        let at = now.saturating_sub(random.below(3)).saturating_add(random.distance());
        let chosen = (!keys.is_empty()).then(|| random.below(keys.len() as u64) as usize);
        match (random.below(10), chosen) {
            (0..=4, _) | (_, None) => {
                let key = lab.insert(at);
                model.put(key, at, lab.named);
                keys.push(key);
            }
            (5 | 6, Some(chosen)) => {
                let key = keys[chosen];
                let (old, number) = model.at[&key];
                // One that fired lost its waker, so it stays silent in both worlds.
                let pending = model.pending.remove(&(old, number)).is_some();
                assert!(lab.wheel.reset(key, at));
                model.at.insert(key, (at, number));
                if pending {
                    model.pending.insert((at, number), key);
                }
            }
            (7, Some(chosen)) => {
                let key = keys.swap_remove(chosen);
                let (at, number) = model.at.remove(&key).unwrap();
                let pending = model.pending.remove(&(at, number)).is_some();
                assert_eq!(lab.wheel.remove(key).is_some(), pending, "seed {seed} step {step}");
            }
            _ => {
                let limit = if random.below(50) == 0 { 62 } else { 30 };
                now = now.saturating_add(random.distance() >> (63 - limit));
                let mut expected = model.advance(now);
                let fired = lab.advance(now);
                let deadline_of: BTreeMap<_, _> = model.at.values().map(|v| (v.1, v.0)).collect();
                let fired: Vec<_> = fired.into_iter().map(|n| (deadline_of[&n], n)).collect();
                assert!(fired.is_sorted_by_key(|v| v.0), "seed {seed} step {step}: disorder");
                let mut fired_set = fired.clone();
                fired_set.sort();
                expected.sort();
                assert_eq!(fired_set, expected, "seed {seed} step {step} at {now}");
            }
        }
        // The lower bound of W3: never later than the truth, and there if anything is.
        if let Some((first, _)) = model.pending.keys().next().filter(|k| k.0 != NEVER) {
            let next = lab.wheel.next_deadline();
            assert!(next.is_some_and(|next| next <= *first), "seed {seed} step {step}: {next:?}");
        }
        assert_eq!(lab.wheel.len(), keys.len());
    }
}
