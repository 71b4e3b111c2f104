//! What the cell promises, on a runtime that is a queue and nothing else.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::Mutex;

use super::{JoinHandle, Meta, Ran, Runnable, Task, TaskList};
use crate::hooks::{Info, Runtime, Spawn, Tag, Why};
use crate::{Handle, JoinError};

#[derive(Default)]
struct Queue {
    tag: Tag,
    jobs: Mutex<VecDeque<Runnable>>,
    tasks: TaskList,
}

impl Runtime for Queue {
    fn tag(&self) -> &Tag {
        &self.tag
    }
    fn info(&self) -> Info {
        Info::new("queue")
    }
    fn spawner(&self) -> &dyn Spawn {
        self
    }
}

impl Spawn for Queue {
    fn schedule(&self, job: Runnable, _why: Why) {
        self.jobs.lock().unwrap().push_back(job);
    }
    fn tasks(&self) -> Option<&TaskList> {
        Some(&self.tasks)
    }
}

impl Queue {
    fn new() -> (Arc<Queue>, Handle) {
        let queue = Arc::new(Queue::default());
        (queue.clone(), Handle::from_arc(queue))
    }

    fn run_all(&self) {
        loop {
            let Some(job) = self.jobs.lock().unwrap().pop_front() else { return };
            if let Ran::Yielded(job) = job.run() {
                self.jobs.lock().unwrap().push_back(job);
            }
        }
    }

    fn pending(&self) -> usize {
        self.jobs.lock().unwrap().len()
    }
}

/// Counts its drops.
struct Guard(Arc<AtomicUsize>);

impl Guard {
    fn new() -> (Arc<AtomicUsize>, Guard) {
        let drops = Arc::new(AtomicUsize::new(0));
        (drops.clone(), Guard(drops))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn drops(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::SeqCst)
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn ready<T>(mut join: JoinHandle<T>) -> Result<T, JoinError> {
    match poll(&mut join) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the task is not finished"),
    }
}

#[test]
fn an_output_reaches_its_handle() {
    let (queue, handle) = Queue::new();
    let join = handle.spawn(async { String::from("done") });
    assert!(!join.is_finished());
    queue.run_all();
    assert!(join.is_finished());
    assert_eq!(ready(join).unwrap(), "done");
}

#[test]
fn the_runtime_is_current_in_poll_and_drop() {
    struct Look(Handle);
    impl Drop for Look {
        fn drop(&mut self) {
            assert_eq!(Handle::current(), self.0);
        }
    }
    let (queue, handle) = Queue::new();
    let look = Look(handle.clone());
    let join = handle.spawn(async move {
        let _look = look;
        Handle::current()
    });
    queue.run_all();
    assert_eq!(ready(join).unwrap(), handle);
    assert!(Handle::try_current().is_err());
}

#[test]
fn a_dropped_handle_detaches() {
    let (queue, handle) = Queue::new();
    let (count, guard) = Guard::new();
    drop(handle.spawn(async move {
        yields(3).await;
        drop(guard);
    }));
    queue.run_all();
    assert_eq!(drops(&count), 1);
}

#[test]
fn an_unclaimed_output_is_dropped_once() {
    let (queue, handle) = Queue::new();
    let (early, guard) = Guard::new();
    drop(handle.spawn(async move { guard }));
    let (late, guard) = Guard::new();
    let join = handle.spawn(async move { guard });
    queue.run_all();
    assert_eq!(drops(&early), 1);
    assert_eq!(drops(&late), 0);
    drop(join);
    assert_eq!(drops(&late), 1);
}

#[test]
fn a_panic_reaches_the_handle() {
    let (queue, handle) = Queue::new();
    let join = handle.spawn(async { std::panic::panic_any(7u8) });
    queue.run_all();
    let error = ready::<()>(join).unwrap_err();
    assert!(error.is_panic());
    assert_eq!(*error.into_panic().downcast::<u8>().unwrap(), 7);
}

#[test]
fn a_destructor_that_panics_is_contained_and_loses_no_output() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let (queue, handle) = Queue::new();
    // The future keeps the bomb until the cell drops it.
    let mut bomb = Some(Bomb);
    let finished = handle.spawn(poll_fn(move |_| {
        let _keep = &mut bomb;
        Poll::Ready(3)
    }));
    let bomb = Bomb;
    let aborted = handle.spawn(async move {
        let _bomb = bomb;
        core::future::pending::<()>().await
    });
    drop(handle.spawn(async { Bomb })); // an output
    queue.run_all();
    aborted.abort();
    queue.run_all();
    assert_eq!(ready(finished).unwrap(), 3);
    assert!(ready(aborted).unwrap_err().is_panic());
}

#[test]
fn an_abort_drops_where_tasks_run() {
    let (queue, handle) = Queue::new();
    let (count, guard) = Guard::new();
    let join = handle.spawn(async move {
        let _guard = guard;
        core::future::pending::<()>().await
    });
    queue.run_all();
    join.abort();
    join.abort();
    assert_eq!((drops(&count), queue.pending()), (0, 1));
    queue.run_all();
    assert_eq!(drops(&count), 1);
    assert!(ready(join).unwrap_err().is_cancelled());
}

#[test]
fn an_abort_before_the_first_poll_never_polls() {
    let (queue, handle) = Queue::new();
    let (count, guard) = Guard::new();
    let join = handle.spawn(async move {
        let _guard = guard;
        panic!("polled");
    });
    join.abort();
    queue.run_all();
    assert_eq!(drops(&count), 1);
    assert!(ready::<()>(join).unwrap_err().is_cancelled());
}

#[test]
fn a_task_that_nobody_can_wake_is_dropped_where_tasks_run() {
    let (queue, handle) = Queue::new();
    let (count, guard) = Guard::new();
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    drop(handle.spawn(async move {
        let _guard = guard;
        poll_fn(|cx| {
            *keep.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
        .await
    }));
    queue.run_all();
    assert_eq!((drops(&count), queue.tasks.len()), (0, 1));
    let waker = kept.lock().unwrap().take();
    drop(waker);
    assert_eq!((drops(&count), queue.pending()), (0, 1));
    queue.run_all();
    assert_eq!((drops(&count), queue.tasks.len()), (1, 0));
}

#[test]
fn closing_the_list_drops_parked_tasks_and_cancels_new_ones() {
    let (queue, handle) = Queue::new();
    let (count, guard) = Guard::new();
    // It holds its own waker: a cycle that only the list can break.
    let join = handle.spawn(async move {
        let _guard = guard;
        let own = Mutex::new(None);
        poll_fn(|cx| {
            *own.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
        .await
    });
    queue.run_all();
    queue.tasks.close_all();
    assert_eq!((drops(&count), queue.tasks.len()), (1, 0));
    assert!(ready(join).unwrap_err().is_cancelled());
    let late = handle.spawn(async { unreachable!("polled after the end") });
    queue.run_all();
    assert!(ready::<()>(late).unwrap_err().is_cancelled());
}

#[test]
fn a_dropped_job_cancels_its_task() {
    let (queue, handle) = Queue::new();
    let join = handle.spawn(async {});
    drop(queue.jobs.lock().unwrap().pop_front());
    assert!(ready(join).unwrap_err().is_cancelled());
}

#[test]
fn a_host_polls_with_its_own_waker() {
    let (_, handle) = Queue::new();
    let (mut task, join) = Task::new(handle, Meta::new(None), async {
        yields(1).await;
        5
    })
    .unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(&mut task).poll(&mut cx).is_pending());
    assert_eq!(drops(&woken.0), 1);
    assert!(pin!(&mut task).poll(&mut cx).is_ready());
    drop(task);
    assert_eq!(ready(join).unwrap(), 5);
    drop(waker);
    assert_eq!(Arc::strong_count(&woken), 1, "the host's waker is released");
}

#[test]
fn an_abort_wakes_the_host_which_drops_the_future() {
    let (_, handle) = Queue::new();
    let (count, guard) = Guard::new();
    let (mut task, join) = Task::new(handle, Meta::new(None), async move {
        let _guard = guard;
        core::future::pending::<()>().await
    })
    .unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(&mut task).poll(&mut cx).is_pending());
    join.abort();
    assert_eq!((drops(&woken.0), drops(&count)), (1, 0));
    assert!(pin!(&mut task).poll(&mut cx).is_ready());
    assert_eq!(drops(&count), 1);
    assert!(ready(join).unwrap_err().is_cancelled());
    drop((task, waker));
    assert_eq!(Arc::strong_count(&woken), 1);
}

#[test]
fn a_host_that_makes_a_job_of_a_finished_task_harms_nobody() {
    for drop_it in [false, true] {
        let (_, handle) = Queue::new();
        let (mut task, join) = Task::new(handle, Meta::new(None), async { 5 }).unwrap();
        assert!(pin!(&mut task).poll(&mut Context::from_waker(Waker::noop())).is_ready());
        let job = task.into_runnable();
        if drop_it {
            drop(job);
        } else {
            assert!(matches!(job.run(), Ran::Finished));
        }
        assert_eq!(ready(join).unwrap(), 5);
    }
}

#[test]
fn the_latest_waker_of_a_handle_is_woken_and_all_are_released() {
    let (queue, handle) = Queue::new();
    let mut join = handle.spawn(async {});
    let (first, second) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
    for woken in [&first, &second, &second] {
        let waker = Waker::from(woken.clone());
        assert!(pin!(&mut join).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    queue.run_all();
    assert_eq!((drops(&first.0), drops(&second.0)), (0, 1));
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
    ready(join).unwrap();
}

#[test]
fn alignment_and_size_are_honoured() {
    #[repr(align(4096))]
    struct Aligned(#[allow(dead_code)] [u8; 4096]);
    let body = || {
        let (queue, handle) = Queue::new();
        let big = Box::new([7u8; 1 << 20]);
        let join = handle.spawn(async move {
            let aligned = Aligned([0; 4096]);
            let big = *big;
            yields(1).await;
            (&raw const aligned as usize % 4096, big.len())
        });
        queue.run_all();
        assert_eq!(ready(join).unwrap(), (0, 1 << 20));
    };
    // Moving a MiB by value wants more stack than a test thread has.
    std::thread::Builder::new().stack_size(64 << 20).spawn(body).unwrap().join().unwrap();
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Gives way `n` times.
async fn yields(n: usize) {
    let mut left = n;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
