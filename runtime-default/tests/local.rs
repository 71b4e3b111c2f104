//! Local tasks and the threads around them: what comes from abroad, and what begins there.
#![cfg(not(shuttle))]

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_default::{Builder, Runtime};
use runtime_traits::task::{JoinHandle, spawn_local, spawn_with};

/// Counts its drops, and sees that they are where it was made.
struct Here(thread::ThreadId, Arc<AtomicUsize>);

impl Here {
    fn new(drops: &Arc<AtomicUsize>) -> Here {
        Here(thread::current().id(), drops.clone())
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        assert_eq!(thread::current().id(), self.0, "dropped away from home");
        self.1.fetch_add(1, SeqCst);
    }
}

fn current() -> Runtime {
    Builder::new().current_thread().build().unwrap()
}

fn workers(count: usize) -> Runtime {
    Builder::new().worker_threads(count).build().unwrap()
}

/// A local task that waits until it is woken `times`, and then gives that number.
fn waits_for(times: usize, left: &Arc<Mutex<Option<Waker>>>) -> JoinHandle<usize> {
    let (left, mut polls) = (left.clone(), 0);
    spawn_local(poll_fn(move |cx| {
        polls += 1;
        *left.lock().unwrap() = Some(cx.waker().clone());
        if polls > times { Poll::Ready(polls - 1) } else { Poll::Pending }
    }))
}

// ── abroad ──────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_task_is_woken_from_abroad_while_its_home_sleeps() {
    current().block_on(async {
        for _ in 0..200 {
            let left = Arc::default();
            let join = waits_for(1, &left);
            let waking = thread::spawn(move || {
                loop {
                    if let Some(waker) = left.lock().unwrap().take() {
                        return waker.wake();
                    }
                    thread::yield_now();
                }
            });
            assert_eq!(join.await.unwrap(), 1);
            waking.join().unwrap();
        }
    });
}

#[test]
fn wakers_are_cloned_and_dropped_on_many_threads() {
    let drops = Arc::new(AtomicUsize::new(0));
    current().block_on(async {
        let left = Arc::new(Mutex::new(None::<Waker>));
        let (leave, here) = (left.clone(), Here::new(&drops));
        drop(spawn_local(async move {
            let _here = here;
            poll_fn(|cx| {
                *leave.lock().unwrap() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
            .await;
        }));
        yield_until(|| left.lock().unwrap().is_some()).await;
        let waker = left.lock().unwrap().take().unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let waker = waker.clone();
                thread::spawn(move || {
                    for _ in 0..100 {
                        drop(waker.clone());
                    }
                    waker
                })
            })
            .collect();
        // Half of them die abroad, and half at home.
        for (number, thread) in threads.into_iter().enumerate() {
            let waker = thread.join().unwrap();
            if number % 2 == 0 {
                thread::spawn(move || drop(waker)).join().unwrap();
            }
        }
        assert_eq!(drops.load(SeqCst), 0, "somebody may wake it still");
        drop(waker);
        yield_until(|| drops.load(SeqCst) == 1).await;
    });
}

#[test]
fn a_handle_is_awaited_aborted_and_dropped_abroad() {
    let other = workers(1);
    current().block_on(async {
        let left = Arc::default();
        let join = waits_for(1, &left);
        let awaiting = other.spawn(async move { join.await.unwrap() });
        yield_until(|| left.lock().unwrap().is_some()).await;
        left.lock().unwrap().take().unwrap().wake();
        assert_eq!(awaiting.await.unwrap(), 1);

        let drops = Arc::new(AtomicUsize::new(0));
        let here = Here::new(&drops);
        let join = spawn_local(async move {
            let _here = here;
            pending::<()>().await;
        });
        let aborting = other.spawn(async move { join.cancel().await });
        assert!(aborting.await.unwrap().unwrap_err().is_cancelled());
        assert_eq!(drops.load(SeqCst), 1);

        let here = Here::new(&drops);
        let join = spawn_local(async move { drop(here) });
        thread::spawn(move || drop(join)).join().unwrap();
        yield_until(|| drops.load(SeqCst) == 2).await;
    });
}

#[test]
fn handles_and_wakers_outlive_their_home() {
    let runtime = current();
    let left = Arc::default();
    let (parked, done) = runtime.block_on(async {
        let both = (waits_for(1, &left), spawn_local(async { 5 }));
        yield_until(|| both.1.is_finished()).await;
        both
    });
    let waker = left.lock().unwrap().take().unwrap();
    thread::spawn(move || waker.wake_by_ref()).join().unwrap();
    assert!(runtime.block_on(parked).unwrap_err().is_cancelled());
    drop(runtime);
    let other = workers(1);
    let done = other.spawn(done);
    assert_eq!(other.block_on(done).unwrap().unwrap(), 5);
}

#[test]
fn a_home_may_be_inside_a_task_of_another() {
    let (outer, inner) = (current(), current());
    outer.block_on(async move {
        let left = Arc::default();
        let join = waits_for(1, &left);
        let nested = spawn_local(async move {
            inner.block_on(async {
                // Woken on its own thread, which is another runtime's for a while.
                left.lock().unwrap().take().unwrap().wake();
                spawn_local(async { 3 }).await.unwrap()
            })
        });
        assert_eq!((nested.await.unwrap(), join.await.unwrap()), (3, 1));
    });
}

/// Gives way until it is so.
async fn yield_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        runtime_traits::task::yield_now().await;
    }
}

// ── spawn_with ──────────────────────────────────────────────────────────────────────────────

/// What is not `Send` is made, used and dropped on one thread, which is not the caller's; the output
/// comes back.
fn makes_it_there(drops: &Arc<AtomicUsize>) -> JoinHandle<bool> {
    let (caller, drops) = (thread::current().id(), drops.clone());
    spawn_with(move || async move {
        let (mine, here) = (Rc::new(Cell::new(0)), Here::new(&drops));
        for _ in 0..10 {
            runtime_traits::time::sleep(Duration::from_micros(10)).await;
            assert_eq!(thread::current().id(), here.0);
            mine.set(mine.get() + 1);
        }
        mine.get() == 10 && caller != here.0
    })
}

/// LOCAL-7.
#[test]
fn a_future_that_is_not_send_is_made_on_a_worker() {
    let runtime = workers(2);
    let drops = Arc::new(AtomicUsize::new(0));
    let joins: Vec<_> =
        runtime.handle().enter(|| (0..50).map(|_| makes_it_there(&drops)).collect());
    for join in joins {
        assert!(runtime.block_on(join).unwrap());
    }
    let from_a_task = drops.clone();
    let join = runtime.spawn(async move { makes_it_there(&from_a_task).await.is_ok() });
    assert!(runtime.block_on(join).unwrap());
    assert_eq!(drops.load(SeqCst), 51);
}

/// LOCAL-7: for a current-thread runtime the thread that will block on it.
#[test]
fn a_future_that_is_not_send_waits_for_a_thread() {
    let runtime = current();
    let drops = Arc::new(AtomicUsize::new(0));
    let join = {
        let (handle, drops) = (runtime.handle().clone(), drops.clone());
        thread::spawn(move || handle.enter(|| makes_it_there(&drops))).join().unwrap()
    };
    assert_eq!(drops.load(SeqCst), 0);
    assert!(runtime.block_on(join).unwrap());
    assert_eq!(drops.load(SeqCst), 1);
}

/// LOCAL-6, LOCAL-7: a closure that nobody ran is dropped with the runtime, a future by its thread.
#[test]
fn what_was_spawned_with_a_closure_ends_with_the_runtime() {
    let drops = Arc::new(AtomicUsize::new(0));
    let runtime = current();
    let unused = Dropped(drops.clone());
    let join = runtime.handle().enter(|| spawn_with(move || async move { drop(unused) }));
    drop(runtime);
    assert_eq!(drops.load(SeqCst), 1);
    assert!(workers(1).block_on(join).unwrap_err().is_cancelled());

    let runtime = workers(1);
    let (told, begun) = channel();
    let theirs = drops.clone();
    let join = runtime.handle().enter(|| {
        spawn_with(move || async move {
            let _here = Here::new(&theirs);
            told.send(()).unwrap();
            pending::<()>().await
        })
    });
    begun.recv().unwrap();
    drop(runtime);
    assert_eq!(drops.load(SeqCst), 2);
    assert!(workers(1).block_on(join).unwrap_err().is_cancelled());
}

/// An abort before the first poll prevents the call; the panic of a closure is the task's.
#[test]
fn a_closure_may_be_aborted_and_may_panic() {
    let runtime = current();
    let (aborted, panicked) = runtime.handle().enter(|| {
        let aborted = spawn_with(|| async { unreachable!("it was aborted before") });
        aborted.abort();
        (aborted, spawn_with(|| -> std::future::Ready<()> { panic!("as the test wants it") }))
    });
    runtime.block_on(async {
        let aborted: Result<(), _> = aborted.await;
        assert!(aborted.unwrap_err().is_cancelled());
        assert!(panicked.await.unwrap_err().is_panic());
    });
}

struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A thread-local that runs when the runtime's own are gone already.
struct Late(std::cell::RefCell<Option<(runtime_traits::Handle, std::sync::mpsc::Sender<bool>)>>);

impl Drop for Late {
    fn drop(&mut self) {
        let (handle, told) = self.0.take().unwrap();
        told.send(handle.block_on(async {}).is_err()).unwrap();
    }
}

thread_local! {
    static LATE: Late = const { Late(std::cell::RefCell::new(None)) };
}

/// BLOCKON: a thread at its very end is refused where it would have to become a worker.
#[test]
fn a_thread_whose_locals_are_gone_is_refused() {
    let runtime = current();
    let (told, hear) = channel();
    let handle = runtime.handle().clone();
    thread::spawn(move || {
        LATE.with(|late| late.0.replace(Some((handle.clone(), told)))); // the first, so the last to go
        handle.block_on(async {}).unwrap();
    })
    .join()
    .unwrap();
    assert!(hear.recv().unwrap());
    runtime.block_on(async {}); // its station is free
}
