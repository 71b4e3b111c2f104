//! What belongs to a task or to a thread, on every runtime: task-locals, tokens, local sets.

#[path = "support/mod.rs"]
mod support;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_traits::Handle;
use runtime_traits::task::{self, CancelToken, LocalSet, TaskLocal, yield_now};
use runtime_traits::time::sleep;

use support::{Gate, on_every_runtime, with_every_runtime};

static REQUEST: TaskLocal<u32> = TaskLocal::new();
static LOCKED: TaskLocal<&str> = TaskLocal::own();

fn seen() -> (Option<u32>, Option<&'static str>) {
    (REQUEST.get(), LOCKED.get())
}

on_every_runtime! {
    // ── task-locals ─────────────────────────────────────────────────────────────────────────────

    async fn a_task_inherits_what_was_in_scope_where_it_was_spawned() {
        let inside = async {
            let task = task::spawn(async {
                let early = seen();
                yield_now().await;
                let grandchild = task::spawn(async { seen() }).await.unwrap();
                (early, seen(), grandchild)
            });
            let closure = task::spawn_blocking(seen);
            (task, closure, seen())
        };
        let (task, closure, here) = REQUEST.scope(7, LOCKED.scope("a", inside)).await;
        let inherited = (Some(7), None);
        assert_eq!(here, (Some(7), Some("a")));
        // Awaited outside: what was in scope at the spawn counts.
        assert_eq!(task.await.unwrap(), (inherited, inherited, inherited));
        assert_eq!(closure.await.unwrap(), inherited);
        assert_eq!(seen(), (None, None));
    }

    async fn tasks_with_and_without_values_do_not_mix() {
        let tasks: Vec<_> = (0..50_u32)
            .map(|n| {
                let work = async move {
                    for _ in 0..20 {
                        assert_eq!(REQUEST.get(), (n % 3 != 0).then_some(n));
                        yield_now().await;
                    }
                };
                match n % 3 {
                    0 => task::spawn(work),
                    1 => task::spawn(REQUEST.scope(n, work)),
                    _ => REQUEST.sync_scope(n, || task::spawn(work)),
                }
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }

    async fn a_waker_sees_the_locals_of_who_wakes() {
        let waker = Arc::new(Mutex::new(None::<Waker>));
        let (kept, polls) = (waker.clone(), Arc::new(AtomicUsize::new(0)));
        let counts = polls.clone();
        let task = REQUEST.sync_scope(1, || {
            task::spawn(poll_fn(move |cx| {
                assert_eq!(REQUEST.get(), Some(1));
                *kept.lock().unwrap() = Some(cx.waker().clone());
                match counts.fetch_add(1, SeqCst) {
                    0 => Poll::Pending,
                    _ => Poll::Ready(()),
                }
            }))
        });
        while waker.lock().unwrap().is_none() {
            yield_now().await;
        }
        let taken = waker.lock().unwrap().take();
        REQUEST.sync_scope(2, || taken.unwrap().wake());
        task.await.unwrap();
    }

    async fn a_value_is_dropped_with_the_last_task_that_has_it() {
        static VALUE: TaskLocal<Arc<()>> = TaskLocal::new();
        let (value, gate) = (Arc::new(()), Gate::default());
        let task = VALUE.sync_scope(value.clone(), || {
            let gate = gate.clone();
            task::spawn(async move { gate.wait().await })
        });
        assert_eq!(Arc::strong_count(&value), 2);
        gate.open();
        task.await.unwrap();
        assert_eq!(Arc::strong_count(&value), 1, "although the handle may still be there");
        let aborted = VALUE.sync_scope(value.clone(), || task::spawn(pending::<()>()));
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        assert_eq!(Arc::strong_count(&value), 1);
    }

    // ── tokens ──────────────────────────────────────────────────────────────────────────────────

    async fn a_token_stops_tasks_wherever_they_wait() {
        let stop = CancelToken::new();
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                let mine = if n % 2 == 0 { stop.clone() } else { stop.child().child() };
                task::spawn(async move {
                    let work = async { sleep(Duration::from_secs(3600)).await };
                    (mine.run_until_cancelled(work).await, mine.is_cancelled())
                })
            })
            .collect();
        yield_now().await;
        let canceller = stop.clone();
        thread::spawn(move || canceller.cancel()).join().unwrap();
        for task in tasks {
            assert_eq!(task.await.unwrap(), (None, true));
        }
        assert_eq!(stop.run_until_cancelled(async { 5 }).await, Some(5));
    }

    // ── local sets ──────────────────────────────────────────────────────────────────────────────

    async fn a_set_runs_what_is_not_send() {
        let set = LocalSet::new();
        let log = Rc::new(RefCell::new(Vec::new()));
        let home = thread::current().id();
        let (one, two) = (log.clone(), log.clone());
        let early = set.spawn_local(async move {
            one.borrow_mut().push("early");
            sleep(Duration::from_millis(1)).await;
            let inner = one.clone();
            let nested = task::spawn_local(async move { inner.borrow_mut().push("nested") });
            nested.await.unwrap();
            thread::current().id()
        });
        assert!(log.borrow().is_empty(), "nothing runs before the set does");
        let sum = set.run_until(async move {
            let late = task::spawn_local(async move {
                yield_now().await;
                two.borrow_mut().push("late");
                2
            });
            assert_eq!(early.await.unwrap(), home);
            late.await.unwrap() + task::spawn(async { 3 }).await.unwrap()
        });
        assert_eq!(sum.await, 5);
        let mut log = log.borrow().clone();
        log.sort_unstable();
        assert_eq!(log, ["early", "late", "nested"]);
    }

    async fn a_set_runs_until_its_tasks_have_ended() {
        let set = LocalSet::new();
        let ended = Rc::new(Cell::new(0));
        for n in 0..200_u64 {
            let ended = ended.clone();
            set.spawn_local(async move {
                for _ in 0..n % 5 {
                    yield_now().await;
                }
                sleep(Duration::from_micros(n % 7)).await;
                ended.set(ended.get() + 1);
            });
        }
        assert_eq!(set.len(), 200);
        set.run().await;
        assert_eq!((ended.get(), set.is_empty()), (200, true));
    }

    async fn a_set_that_is_dropped_drops_its_tasks_here() {
        struct Here(thread::ThreadId, Rc<Cell<usize>>);
        impl Drop for Here {
            fn drop(&mut self) {
                assert_eq!(self.0, thread::current().id());
                self.1.set(self.1.get() + 1);
                task::spawn_local(async {}); // refused, and no more than that
            }
        }
        let (set, drops) = (LocalSet::new(), Rc::new(Cell::new(0)));
        let guard = || Here(thread::current().id(), drops.clone());
        let (parked, fresh) = (guard(), guard());
        let parked = set.spawn_local(async move {
            let _parked = parked;
            pending::<()>().await;
        });
        set.run_until(yield_now()).await;
        let fresh = set.spawn_local(async move { drop(fresh) });
        drop(set);
        assert_eq!(drops.get(), 2);
        assert!(parked.await.unwrap_err().is_cancelled());
        assert!(fresh.await.unwrap_err().is_cancelled());
    }

    async fn wakes_from_other_threads_reach_a_set() {
        let set = LocalSet::new();
        let (tell, told) = channel::<Waker>();
        let waker_thread = thread::spawn(move || {
            let mut wakes = 0;
            for waker in told {
                waker.wake();
                wakes += 1;
            }
            wakes
        });
        let rounds = set.run_until(async {
            let task = task::spawn_local(async move {
                for _ in 0..300 {
                    let mut sent = false;
                    poll_fn(|cx| match std::mem::replace(&mut sent, true) {
                        true => Poll::Ready(()),
                        false => {
                            tell.send(cx.waker().clone()).unwrap();
                            Poll::Pending
                        }
                    })
                    .await;
                }
                300
            });
            task.await.unwrap()
        });
        assert_eq!(rounds.await, 300);
        assert_eq!(waker_thread.join().unwrap(), 300);
    }

    async fn two_run_one_set() {
        let set = LocalSet::new();
        let gate = Gate::default();
        let opens = gate.clone();
        let task = set.spawn_local(async move { gate.wait().await });
        // The first is given up while it listens: the second must hear of the jobs all the same.
        {
            let mut first = std::pin::pin!(set.run_until(pending::<()>()));
            poll_fn(|cx| {
                assert!(first.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        let opener = thread::spawn(move || opens.open());
        set.run_until(task).await.unwrap();
        opener.join().unwrap();
    }

    async fn sets_nest() {
        let outer = LocalSet::new();
        let sum = outer.run_until(async {
            let inner = LocalSet::new();
            let deep = inner.run_until(async {
                let one = task::spawn_local(async { 1 });
                one.await.unwrap()
            });
            deep.await + task::spawn_local(async { 2 }).await.unwrap()
        });
        assert_eq!(sum.await, 3);
        assert_eq!(outer.len(), 0);
    }
}

with_every_runtime! {
    fn what_a_set_spawns_belongs_to_its_runtime(start: Start) {
        let owner = start();
        let handle = owner.handle();
        let same = owner.block_on(async {
            let set = LocalSet::new();
            set.run_until(async {
                task::spawn_local(async { Handle::current() }).await.unwrap() == Handle::current()
            })
            .await
        });
        assert!(same);
        assert!(owner.block_on(async { Handle::current() }) == handle);
    }
}
