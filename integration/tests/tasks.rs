//! Time, groups, blocking closures, and tasks that are awaited elsewhere, on every runtime.

#[path = "support/mod.rs"]
mod support;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use runtime_traits::Handle;
use runtime_traits::task::{self, Builder, Kind, TaskGroup, consume_budget, yield_now};
use runtime_traits::time::{
    Instant, MissedTickBehavior, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
};

use support::{
    Drops, Gate, MANY, Owner, Random, alone, announced, on_every_runtime, poll_once, watched,
    with_every_runtime,
};

/// More than any budget has.
const STEPS_MAX: usize = 1_000_000;

/// How many steps this poll has left.
fn steps_of(cx: &mut Context<'_>) -> usize {
    (0..STEPS_MAX).take_while(|_| task::poll_proceed(cx).is_ready()).count()
}

const KINDS: [Kind; 4] = [Kind::ShortIo, Kind::LongIo, Kind::Cpu, Kind::Dedicated];

const MS: Duration = Duration::from_millis(1);

on_every_runtime! {
    // ── time ────────────────────────────────────────────────────────────────────────────────────

    async fn sleeps_are_never_early() {
        let mut group = TaskGroup::new();
        let mut random = Random(3);
        for _ in 0..200 {
            let delay = Duration::from_micros(random.up_to(20_000) as u64);
            group.spawn(async move {
                let start = Instant::now();
                sleep(delay).await;
                assert!(start.elapsed() >= delay);
                let until = Instant::now() + delay;
                sleep_until(until).await;
                assert!(Instant::now() >= until);
            });
        }
        while let Some(ended) = group.join_next().await {
            ended.unwrap();
        }
    }

    async fn a_sleep_can_be_moved() {
        let start = Instant::now();
        let mut later = std::pin::pin!(sleep(2 * MS));
        assert!(poll_once(later.as_mut()).await.is_pending());
        later.as_mut().reset(start + 6 * MS);
        later.as_mut().await;
        assert!(start.elapsed() >= 6 * MS);
        let mut sooner = std::pin::pin!(sleep(Duration::from_secs(3600)));
        assert!(poll_once(sooner.as_mut()).await.is_pending());
        sooner.as_mut().reset(Instant::now() + MS);
        sooner.await;
    }

    async fn an_interval_keeps_its_schedule() {
        let start = Instant::now() + 2 * MS;
        let mut ticks = interval_at(start, 3 * MS);
        for n in 0..5 {
            let due = ticks.tick().await;
            assert_eq!(due, start + n * 3 * MS, "the schedule does not drift");
            assert!(Instant::now() >= due);
        }
        let mut ticks = interval(MS);
        let first = ticks.tick().await;
        assert!(Instant::now() >= first, "the first comes at once");
    }

    async fn missed_ticks_follow_the_choice() {
        let period = 2 * MS;
        let (burst, delay) = (MissedTickBehavior::Burst, MissedTickBehavior::Delay);
        for missed in [burst, delay, MissedTickBehavior::Skip] {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(missed);
            let first = ticks.tick().await;
            sleep_until(first + 5 * period).await;
            let second = ticks.tick().await;
            let before_third = Instant::now();
            let third = ticks.tick().await;
            assert_eq!(second, first + period, "one that is due is given");
            match missed {
                MissedTickBehavior::Burst => assert_eq!(third, first + 2 * period),
                MissedTickBehavior::Delay => assert!(third >= first + 6 * period),
                _ => {
                    let since = (third - first).as_nanos();
                    assert_eq!(since % period.as_nanos(), 0, "the schedule stays");
                    assert!(third + period > before_third && since >= 6 * period.as_nanos());
                }
            }
        }
    }

    async fn a_tick_that_is_dropped_is_not_lost() {
        let mut ticks = interval_at(Instant::now() + 3 * MS, 3 * MS);
        let first = loop {
            match poll_once(std::pin::pin!(ticks.tick())).await {
                Poll::Ready(due) => break due,
                Poll::Pending => yield_now().await,
            }
        };
        assert_eq!(ticks.tick().await, first + 3 * MS);
    }

    async fn a_limit_drops_what_it_ends() {
        let drops = Drops::default();
        let probe = drops.probe();
        let late = timeout(2 * MS, async move {
            let _probe = probe;
            pending::<()>().await;
        });
        assert!(late.await.unwrap_err().is_timeout());
        assert_eq!(drops.get(), 1);
        assert_eq!(timeout(Duration::from_secs(3600), async { 1 }).await, Ok(1));
        assert_eq!(timeout_at(Instant::ZERO, async { 2 }).await, Ok(2), "polled before the clock");
        let nested = timeout(MS, timeout(Duration::from_secs(3600), pending::<()>())).await;
        assert!(nested.unwrap_err().is_timeout());
    }

    /// The limit and what it limits end at about the same time: one of the two is told.
    async fn a_close_race_has_one_outcome() {
        for _ in 0..50 {
            let (sender, values) = channel();
            let gate = Gate::default();
            let opens = gate.clone();
            drop(runtime_traits::spawn(async move {
                sleep(MS).await;
                sender.send(7).unwrap();
                opens.open();
            }));
            let outcome = timeout(MS, gate.wait()).await;
            if outcome.is_err() {
                gate.wait().await;
            }
            assert_eq!(values.recv(), Ok(7));
        }
    }

    // ── groups ──────────────────────────────────────────────────────────────────────────────────

    async fn a_group_gives_every_outcome_once() {
        let mut group = TaskGroup::new();
        for n in 0..1000_u32 {
            group.spawn(async move {
                if n % 3 == 0 {
                    yield_now().await;
                }
                if n % 100 == 99 {
                    panic!("{n}");
                }
                n
            });
        }
        assert_eq!(group.len(), 1000);
        let (mut sum, mut panics) = (0, 0);
        while let Some(outcome) = group.join_next().await {
            match outcome {
                Ok(n) => sum += n,
                Err(error) => {
                    assert!(error.is_panic());
                    panics += 1;
                }
            }
        }
        assert_eq!((sum, panics), ((0..1000).filter(|n| n % 100 != 99).sum(), 10));
        assert!(group.is_empty() && group.join_next().await.is_none());
    }

    async fn a_dropped_group_ends_its_tasks() {
        let drops = Drops::default();
        let mut group = TaskGroup::new();
        for _ in 0..50 {
            let probe = drops.probe();
            group.spawn(async move {
                let _probe = probe;
                pending::<()>().await;
            });
        }
        assert!(poll_once(std::pin::pin!(group.join_next())).await.is_pending());
        drop(group);
        while drops.get() < 50 {
            yield_now().await;
        }
    }

    async fn a_group_waits_for_those_it_stops() {
        let drops = Drops::default();
        let mut group = TaskGroup::new();
        for _ in 0..50 {
            let probe = drops.probe();
            group.spawn(async move {
                let _probe = probe;
                sleep(Duration::from_secs(3600)).await;
            });
        }
        group.shutdown().await;
        assert_eq!(drops.get(), 50);
        assert!(group.is_empty());
    }

    async fn a_join_next_that_is_dropped_loses_nothing() {
        let mut group = TaskGroup::new();
        let gates: Vec<Gate> = (0..30).map(|_| Gate::default()).collect();
        for (n, gate) in gates.iter().cloned().enumerate() {
            group.spawn(async move { gate.wait().await; n });
        }
        let mut seen = Vec::new();
        for gate in &gates {
            assert!(poll_once(std::pin::pin!(group.join_next())).await.is_pending());
            gate.open();
            loop {
                if let Poll::Ready(outcome) = poll_once(std::pin::pin!(group.join_next())).await {
                    seen.push(outcome.unwrap().unwrap());
                    break;
                }
                yield_now().await;
            }
        }
        assert_eq!(seen, (0..30).collect::<Vec<_>>());
    }

    async fn a_group_may_hold_tasks_of_other_runtimes() {
        let others: Vec<_> = MANY.iter().map(|start| start()).collect();
        let mut group = TaskGroup::new();
        group.spawn(async { Handle::current() });
        for other in &others {
            group.insert(other.handle().spawn(async { Handle::current() }));
        }
        let mut homes = Vec::new();
        while let Some(home) = group.join_next().await {
            homes.push(home.unwrap());
        }
        assert!(homes.contains(&Handle::current()));
        for other in &others {
            assert!(homes.contains(&other.handle()));
        }
    }

    // ── blocking ────────────────────────────────────────────────────────────────────────────────

    async fn blocking_closures_run_elsewhere_and_find_their_runtime() {
        let (handle, here) = (Handle::current(), thread::current().id());
        let closure = task::spawn_blocking(move || (Handle::current(), thread::current().id()));
        let (current, there) = closure.await.unwrap();
        assert_eq!(current, handle);
        assert_ne!(there, here);
        let spawned = task::spawn_blocking(|| runtime_traits::spawn(async { 4 })).await.unwrap();
        assert_eq!(spawned.await.unwrap(), 4);
    }

    async fn two_blocking_closures_run_at_the_same_time() {
        let barrier = Arc::new(Barrier::new(2));
        let meet = || {
            let barrier = barrier.clone();
            task::spawn_blocking(move || barrier.wait().is_leader())
        };
        let (one, two) = (meet(), meet());
        assert!(one.await.unwrap() != two.await.unwrap());
    }

    /// While closures block, tasks and timers go on.
    async fn blocking_closures_do_not_hold_up_tasks() {
        let gate = Gate::default();
        let closures: Vec<_> = (0..4)
            .map(|n| {
                let gate = gate.clone();
                task::spawn_blocking(move || {
                    gate.pass();
                    n
                })
            })
            .collect();
        sleep(MS).await;
        assert_eq!(runtime_traits::spawn(async { yield_now().await; 1 }).await.unwrap(), 1);
        gate.open();
        for (n, closure) in closures.into_iter().enumerate() {
            assert_eq!(closure.await.unwrap(), n);
        }
    }

    async fn a_blocking_closure_goes_on_without_its_handle() {
        let (started, gate, ended) = (Gate::default(), Gate::default(), Gate::default());
        let (at_it, go_on, over) = (started.clone(), gate.clone(), ended.clone());
        let closure = task::spawn_blocking(move || {
            at_it.open();
            go_on.pass();
            over.open();
        });
        started.wait().await;
        closure.abort();
        drop(closure);
        gate.open();
        ended.wait().await;
    }

    async fn many_short_closures_all_run() {
        let count = Arc::new(AtomicUsize::new(0));
        let mut group = TaskGroup::new();
        for _ in 0..500 {
            let count = count.clone();
            group.insert(task::spawn_blocking(move || count.fetch_add(1, SeqCst)));
        }
        while let Some(ended) = group.join_next().await {
            ended.unwrap();
        }
        assert_eq!(count.load(SeqCst), 500);
    }

    /// A thread of its own, for as long as it likes: more of them than two hold up nobody.
    async fn dedicated_closures_do_not_hold_up_others() {
        let gate = Gate::default();
        let mut held = TaskGroup::new();
        for _ in 0..8 {
            let (gate, begun) = (gate.clone(), Gate::default());
            let says = begun.clone();
            held.insert(Builder::new().kind(Kind::Dedicated).spawn_blocking(move || {
                says.open();
                gate.pass();
            }));
            begun.wait().await;
        }
        for kind in KINDS {
            assert_eq!(Builder::new().kind(kind).spawn_blocking(|| 5).await.unwrap(), 5);
        }
        gate.open(); // not before all the others had ended
        while let Some(ended) = held.join_next().await {
            ended.unwrap();
        }
    }

    /// One that waits long is let go by a short one that begins later.
    async fn a_short_closure_runs_beside_long_ones() {
        for slow in [Kind::LongIo, Kind::Cpu] {
            let (begun, gate) = (Gate::default(), Gate::default());
            let (says, waits) = (begun.clone(), gate.clone());
            let long = Builder::new().kind(slow).spawn_blocking(move || {
                says.open();
                waits.pass();
            });
            begun.wait().await;
            task::spawn_blocking(move || gate.open()).await.unwrap();
            long.await.unwrap();
        }
    }

    async fn closures_of_all_kinds_answer_alike() {
        let mut all = TaskGroup::new();
        for (n, kind) in KINDS.into_iter().enumerate() {
            let builder = Builder::new().name("work").kind(kind);
            let join: task::JoinHandle<usize> = builder.spawn_blocking(move || n);
            assert_eq!(join.meta().name, Some("work"));
            all.insert(join);
            let panics: task::JoinHandle<()> = builder.spawn_blocking(|| panic!("at work"));
            assert_eq!(panics.await.unwrap_err().to_string(), "the task panicked: at work");
            let current = builder.spawn_blocking(Handle::current);
            assert_eq!(current.await.unwrap(), Handle::current());
        }
        let mut answers = Vec::new();
        while let Some(answer) = all.join_next().await {
            answers.push(answer.unwrap());
        }
        answers.sort_unstable();
        assert_eq!(answers, [0, 1, 2, 3]);
    }

    // ── tasks ───────────────────────────────────────────────────────────────────────────────────

    async fn a_task_goes_on_without_its_handle() {
        let gate = Gate::default();
        let opens = gate.clone();
        drop(runtime_traits::spawn(async move {
            yield_now().await;
            opens.open();
        }));
        gate.wait().await;
    }

    async fn aborting_ends_a_task_and_an_output_that_is_there_stays() {
        let waits = Gate::default();
        let task = runtime_traits::spawn(announced(waits.clone(), pending::<()>()));
        waits.wait().await;
        assert!(task.cancel().await.unwrap_err().is_cancelled());
        let done = runtime_traits::spawn(async { 1 });
        while !done.is_finished() {
            yield_now().await;
        }
        done.abort();
        assert_eq!(done.await.unwrap(), 1);
    }

    /// A task that was never polled is dropped too.
    async fn aborting_at_once_drops_the_future() {
        let drops = Drops::default();
        for _ in 0..100 {
            let probe = drops.probe();
            let task = runtime_traits::spawn(async move {
                let _probe = probe;
                pending::<()>().await;
            });
            assert!(task.cancel().await.unwrap_err().is_cancelled());
        }
        assert_eq!(drops.get(), 100);
    }

    async fn local_tasks_stay_on_their_thread() {
        let here = thread::current().id();
        let shared = Rc::new(5);
        let copy = shared.clone();
        let local = task::spawn_local(async move {
            for _ in 0..10 {
                yield_now().await;
                assert_eq!(thread::current().id(), here);
            }
            *copy
        });
        match local.await {
            Ok(output) => assert_eq!(output, 5),
            Err(error) => assert!(error.unsupported().is_some(), "{error}"),
        }
        assert_eq!(Rc::strong_count(&shared), 1);
    }

    /// Wakes from another thread, as fast as they come.
    async fn wakes_from_elsewhere_are_never_lost() {
        let (ask, asked) = channel::<std::task::Waker>();
        let other = thread::spawn(move || asked.into_iter().for_each(|waker| waker.wake()));
        let task = runtime_traits::spawn(async move {
            for _ in 0..1000 {
                let mut asked = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut asked, true) {
                        return Poll::Ready(());
                    }
                    ask.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                })
                .await;
            }
        });
        task.await.unwrap();
        other.join().unwrap();
    }

    async fn giving_way_lets_others_run() {
        let steps = Arc::new(AtomicUsize::new(0));
        let counted = steps.clone();
        let other = runtime_traits::spawn(async move { counted.fetch_add(1, SeqCst) });
        while steps.load(SeqCst) == 0 {
            yield_now().await;
        }
        other.await.unwrap();
    }

    // ── the budget ──────────────────────────────────────────────────────────────────────────────

    /// On one thread the other cannot run before this one gives way.
    async fn spending_the_budget_lets_others_run() {
        let busy = runtime_traits::spawn(async {
            let gate = Arc::new(AtomicUsize::new(0));
            let opens = gate.clone();
            let other = runtime_traits::spawn(async move { opens.fetch_add(1, SeqCst) });
            while gate.load(SeqCst) == 0 {
                consume_budget().await;
            }
            other.await.unwrap();
        });
        busy.await.unwrap();
    }

    /// A poll gets so many steps and no more, has been woken then, and the next one gets as many.
    async fn a_budget_comes_to_an_end_and_is_filled_again() {
        let mut polls = 0;
        let task = runtime_traits::spawn(poll_fn(move |cx| {
            let steps = steps_of(cx);
            assert!(steps < STEPS_MAX, "it may go on for ever");
            polls += 1;
            if polls == 10 { Poll::Ready(()) } else { Poll::Pending }
        }));
        task.await.unwrap();
    }

    /// Also where the root has nobody else to give way to.
    async fn tasks_of_a_set_give_way_to_each_other() {
        let set = task::LocalSet::new();
        let ran = Rc::new(Cell::new(0));
        let steps = |of: Rc<Cell<usize>>, goal: usize| async move {
            while of.get() < goal {
                consume_budget().await;
            }
        };
        set.run_until(async {
            let (one, two) = (ran.clone(), ran.clone());
            let busy = task::spawn_local(steps(ran.clone(), 1));
            let lets_go = task::spawn_local(async move { one.set(1) });
            lets_go.await.unwrap();
            busy.await.unwrap();
            drop(task::spawn_local(async move { two.set(2) }));
            steps(ran.clone(), 2).await; // the future beside them does too
        })
        .await;
    }

    async fn local_tasks_have_a_budget() {
        let ran = Rc::new(Cell::new(false));
        let says = ran.clone();
        let busy = task::spawn_local(async move {
            let other = task::spawn_local(async move { says.set(true) });
            while !ran.get() {
                consume_budget().await;
            }
            other.await.unwrap();
        });
        if let Err(error) = busy.await {
            assert!(error.unsupported().is_some(), "{error}");
        }
    }
}

with_every_runtime! {
    /// A task of one runtime is awaited, aborted and panics for one of another.
    fn a_task_may_be_awaited_on_another_runtime(start: Start) {
        for other in MANY {
            let (owner, other) = (start(), other());
            let theirs = other.handle();
            owner.block_on(async {
                let ours = Handle::current();
                let gate = Gate::default();
                let waits = gate.clone();
                let far = theirs.spawn(async move {
                    waits.wait().await;
                    Handle::current()
                });
                let near = runtime_traits::spawn(async move { far.await.unwrap() });
                gate.open();
                assert_eq!(near.await.unwrap(), theirs, "it ran where it was spawned");
                assert_eq!(Handle::current(), ours);
                let panics: task::JoinHandle<()> = theirs.spawn(async { panic!("far away") });
                assert_eq!(panics.await.unwrap_err().to_string(), "the task panicked: far away");
                let waits = Gate::default();
                let far = theirs.spawn(announced(waits.clone(), pending::<()>()));
                waits.wait().await;
                assert!(far.cancel().await.unwrap_err().is_cancelled());
            });
            // And the other way round, with the first driven by another thread if need be.
            let gate = Gate::default();
            let over = gate.clone();
            thread::scope(|scope| {
                scope.spawn(|| owner.block_on(over.wait()));
                let ours = owner.handle();
                other.block_on(async {
                    for n in 0..100 {
                        assert_eq!(ours.spawn(async move { n }).await.unwrap(), n);
                    }
                });
                gate.open();
            });
        }
    }

    /// A dedicated closure holds up no end (BLOCKING-9): so that is what the runtime was asked for.
    fn the_end_does_not_wait_for_a_dedicated_closure(start: Start) {
        let (owner, begun, gate) = (start(), Gate::default(), Gate::default());
        let (says, waits) = (begun.clone(), gate.clone());
        let (told, over) = channel();
        let serve = move || {
            says.open();
            waits.pass();
            told.send(()).unwrap();
        };
        let builder = Builder::new().kind(Kind::Dedicated);
        drop(owner.handle().enter(|| builder.spawn_blocking(serve)));
        begun.pass();
        drop(owner);
        gate.open(); // not before the end
        over.recv().unwrap();
    }

    /// Time of one runtime in the task of another.
    fn a_sleep_may_be_awaited_on_another_runtime(start: Start) {
        for other in MANY {
            let (owner, other) = (start(), other());
            let theirs = other.handle();
            let slept = theirs.enter(|| sleep(3 * MS));
            owner.block_on(async {
                let start = theirs.enter(Instant::now);
                runtime_traits::spawn(slept).await.unwrap();
                assert!(theirs.enter(Instant::now) >= start);
            });
        }
    }

    fn a_task_whose_runtime_ends_is_cancelled_for_whoever_awaits_it(start: Start) {
        for other in MANY {
            let (owner, other) = (start(), other());
            let far = owner.handle().spawn(pending::<()>());
            let waits = Gate::default();
            let near = other.handle().spawn(announced(waits.clone(), far));
            waits.pass();
            drop(owner);
            assert!(alone(near).unwrap().unwrap_err().is_cancelled());
        }
    }

    /// Scopes of several runtimes nest; the innermost is current.
    fn scopes_nest(start: Start) {
        let (one, others) = (start(), MANY.iter().map(|other| other()).collect::<Vec<_>>());
        one.handle().enter(|| {
            for other in &others {
                let inner = other.handle();
                inner.enter(|| assert_eq!(Handle::current(), inner));
                let wrapped = alone(inner.wrap(async { Handle::current() }));
                assert_eq!(wrapped, inner);
                assert_eq!(Handle::current(), one.handle());
            }
        });
    }
}

/// With one thread for closures a dedicated one must have another.
#[test]
fn a_dedicated_closure_leaves_the_only_thread_to_others() {
    let default = runtime_default::Builder::new().current_thread().max_blocking_threads(1);
    let tokio = runtime_tokio::Builder::new().current_thread().max_blocking_threads(1);
    let owners = [Owner::Default(default.build().unwrap()), Owner::Tokio(tokio.build().unwrap())];
    for owner in owners {
        watched("one thread for closures", || {
            owner.block_on(async {
                let (begun, gate) = (Gate::default(), Gate::default());
                let (says, waits) = (begun.clone(), gate.clone());
                let serving = Builder::new().kind(Kind::Dedicated).spawn_blocking(move || {
                    says.open();
                    waits.pass();
                });
                begun.wait().await;
                for kind in [Kind::ShortIo, Kind::LongIo, Kind::Cpu] {
                    assert_eq!(Builder::new().kind(kind).spawn_blocking(|| 5).await.unwrap(), 5);
                }
                gate.open();
                serving.await.unwrap();
            });
        });
    }
}
