//! Foreign code panics: in a task, in a destructor, in a waker. It stays there.

use std::future::{Future, pending};
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use runtime_traits::net::UdpSocket;
use runtime_traits::task::{self, JoinHandle, TaskGroup, yield_now};
use runtime_traits::time::{Instant, sleep, sleep_until};

use crate::support::{
    Drops, Gate, alone, announced, on_every_runtime, pair, panic_of, poll_once, text,
    with_every_runtime,
};

/// Panics when dropped.
struct Bomb(#[allow(dead_code, reason = "held")] Option<crate::support::Probe>);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the destructor panics");
    }
}

/// A waker that panics when it is woken, after it was counted.
#[derive(Default)]
struct Mine(AtomicUsize);

impl Wake for Mine {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
        panic!("the waker panics");
    }
}

fn mine() -> (Arc<Mine>, Waker) {
    let mine = Arc::new(Mine::default());
    (mine.clone(), Waker::from(mine))
}

/// A waker that panics when its last clone is dropped.
struct Fuse;

impl Wake for Fuse {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Fuse {
    fn drop(&mut self) {
        panic!("the waker's destructor panics");
    }
}

/// That tasks, timers and blocking closures still work.
async fn all_is_well() {
    let mut group = TaskGroup::new();
    for n in 0..8 {
        group.spawn(async move {
            yield_now().await;
            sleep(Duration::from_millis(1)).await;
            n
        });
    }
    let mut sum = 0;
    while let Some(n) = group.join_next().await {
        sum += n.unwrap();
    }
    assert_eq!(sum, 28);
    assert_eq!(task::spawn_blocking(|| 5).await.unwrap(), 5);
    let (ours, theirs) = pair().await;
    theirs.write_all(b"!").await.unwrap();
    assert_eq!(ours.read(&mut [0]).await.unwrap(), 1);
}

/// Polls once with a waker of the test's.
fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Waits for something another thread does; gives way meanwhile.
async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        sleep(Duration::from_millis(1)).await;
    }
}

on_every_runtime! {
    async fn in_a_task_it_goes_to_the_handle() {
        let tasks: Vec<JoinHandle<()>> = (0..20)
            .map(|n| runtime_traits::spawn(async move {
                yield_now().await;
                panic!("task {n} panics");
            }))
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            let error = task.await.unwrap_err();
            assert!(error.is_panic() && !error.is_cancelled());
            assert_eq!(error.to_string(), format!("the task panicked: task {n} panics"));
            assert_eq!(text(&*error.into_panic()), format!("task {n} panics"));
        }
        all_is_well().await;
    }

    async fn in_a_detached_task_it_harms_nobody() {
        let drops = Drops::default();
        for _ in 0..20 {
            let probe = drops.probe();
            drop(runtime_traits::spawn(async move {
                let _probe = probe;
                yield_now().await;
                panic!("nobody looks");
            }));
        }
        until(|| drops.get() == 20).await;
        all_is_well().await;
    }

    async fn in_a_local_task_or_a_blocking_closure_it_goes_to_the_handle() {
        let closure = task::spawn_blocking::<_, ()>(|| panic!("the closure panics"));
        let error = closure.await.unwrap_err();
        assert!(error.to_string().ends_with("the closure panics"), "{error}");
        let local: JoinHandle<()> = task::spawn_local(async { panic!("the local task panics") });
        let error = local.await.unwrap_err();
        assert!(error.unsupported().is_some() || error.is_panic(), "{error}");
        all_is_well().await;
    }

    /// The payload of a panic is foreign too.
    async fn in_the_payload_it_is_contained() {
        drop(runtime_traits::spawn(async { panic_any(Bomb(None)) }));
        let task = runtime_traits::spawn(async { panic_any(Bomb(None)) });
        until(|| task.is_finished()).await;
        drop(task);
        let task: JoinHandle<()> = runtime_traits::spawn(async { panic_any(7_u32) });
        let error = task.await.unwrap_err();
        assert_eq!(error.to_string(), "the task panicked");
        assert_eq!(*error.into_panic().downcast::<u32>().unwrap(), 7);
        all_is_well().await;
    }

    async fn in_the_destructor_of_an_aborted_task_the_handle_still_resolves() {
        let (drops, waits) = (Drops::default(), Gate::default());
        let bomb = Bomb(Some(drops.probe()));
        let task = runtime_traits::spawn(announced(waits.clone(), async move {
            let _bomb = bomb;
            pending::<()>().await;
        }));
        waits.wait().await;
        let error = task.cancel().await.unwrap_err();
        assert!(error.is_cancelled() || error.is_panic(), "{error}");
        assert_eq!(drops.get(), 1);
        all_is_well().await;
    }

    async fn in_the_destructor_of_a_finished_task_the_handle_still_resolves() {
        let bomb = Bomb(None);
        let task = runtime_traits::spawn(async move {
            let _bomb = bomb;
            yield_now().await;
        });
        assert!(task.await.unwrap_err().is_panic());
        all_is_well().await;
    }

    /// An output that nobody takes is dropped where the task or its handle ends.
    async fn in_the_destructor_of_an_output_it_is_contained() {
        let drops = Drops::default();
        let (early, late) = (drops.probe(), drops.probe());
        drop(runtime_traits::spawn(async move { Bomb(Some(early)) }));
        until(|| drops.get() == 1).await;
        let task = runtime_traits::spawn(async move { Bomb(Some(late)) });
        until(|| task.is_finished()).await;
        drop(task);
        assert_eq!(drops.get(), 2);
        all_is_well().await;
    }

    async fn in_the_waker_of_a_join_handle_the_output_is_not_lost() {
        let gate = Gate::default();
        let opens = gate.clone();
        let mut task = runtime_traits::spawn(async move {
            opens.wait().await;
            3
        });
        let (mine, waker) = mine();
        assert!(poll_with(&mut task, &waker).is_pending());
        gate.open();
        until(|| mine.0.load(SeqCst) == 1).await;
        assert_eq!(task.await.unwrap(), 3);
        all_is_well().await;
    }

    /// Two sleeps end at the same time; the waker of the first panics.
    async fn in_the_waker_of_a_sleep_other_sleeps_end() {
        let at = Instant::now() + Duration::from_millis(3);
        let (mine, waker) = mine();
        let mut first = sleep_until(at);
        assert!(poll_with(&mut first, &waker).is_pending());
        let second = runtime_traits::spawn(sleep_until(at));
        sleep_until(at).await;
        second.await.unwrap();
        until(|| mine.0.load(SeqCst) == 1).await;
        first.await;
        all_is_well().await;
    }

    /// Several wait for one socket; the waker of the first panics.
    async fn in_the_waker_of_a_socket_other_waiters_are_woken() {
        let (ours, theirs) = pair().await;
        let ours = Arc::new(ours);
        let (mine, waker) = mine();
        let mut buf = [0];
        {
            let mut first = Box::pin(ours.read(&mut buf));
            assert!(poll_with(&mut first, &waker).is_pending());
            let waits = Gate::default();
            let second = ours.clone();
            let second = runtime_traits::spawn(announced(waits.clone(), async move {
                second.read(&mut [0]).await.unwrap()
            }));
            waits.wait().await;
            theirs.write_all(b"ab").await.unwrap();
            assert_eq!(second.await.unwrap(), 1);
            assert_eq!(mine.0.load(SeqCst), 1);
            assert_eq!(first.await.unwrap(), 1);
        }
        all_is_well().await;
    }

    async fn in_the_waker_of_a_datagram_socket_the_datagram_is_not_lost() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (mine, waker) = mine();
        let mut buf = [0; 8];
        {
            let mut recv = Box::pin(socket.recv(&mut buf));
            assert!(poll_with(&mut recv, &waker).is_pending());
        }
        // A waker that is kept without a future.
        let polled = socket.poll_recv_from(&mut Context::from_waker(&waker), &mut buf);
        assert!(polled.is_pending());
        other.send_to(b"here", socket_addr(&socket)).await.unwrap();
        until(|| mine.0.load(SeqCst) == 1).await;
        assert_eq!(socket.recv(&mut buf).await.unwrap(), 4);
        all_is_well().await;
    }

    /// The runtime holds the last clone: the next waiter's takes its place, or the wake uses it up.
    async fn in_the_destructor_of_a_waker_it_is_contained() {
        for replaced in [true, false] {
            let gate = Gate::default();
            let opens = gate.clone();
            let mut task = runtime_traits::spawn(async move { opens.wait().await });
            let fuse = Arc::new(Fuse);
            let burnt = Arc::downgrade(&fuse);
            let waker = Waker::from(fuse);
            assert!(poll_with(&mut task, &waker).is_pending());
            drop(waker);
            if replaced {
                assert!(poll_once(Pin::new(&mut task)).await.is_pending());
                assert_eq!(burnt.strong_count(), 0);
            }
            gate.open();
            until(|| burnt.strong_count() == 0).await;
            task.await.unwrap();
        }
        all_is_well().await;
    }
}

fn socket_addr(socket: &UdpSocket) -> std::net::SocketAddr {
    socket.local_addr().unwrap()
}

with_every_runtime! {
    fn in_block_on_it_unwinds_to_the_caller_and_the_runtime_goes_on(start: Start) {
        let owner = start();
        for _ in 0..3 {
            let (text, _) = panic_of(|| owner.block_on(async {
                yield_now().await;
                panic!("the program panics")
            }));
            assert_eq!(text, "the program panics");
            owner.block_on(all_is_well());
        }
    }

    /// Some of the tasks that the end drops have a destructor that panics: the others are dropped,
    /// and whoever ends the runtime is not hit.
    fn in_a_destructor_at_the_end_the_others_are_dropped(start: Start) {
        let owner = start();
        let drops = Drops::default();
        let handle = owner.handle();
        let tasks: Vec<_> = (0..9)
            .map(|n| {
                let bomb = (n % 3 == 1).then(|| Bomb(Some(drops.probe())));
                let probe = drops.probe();
                handle.spawn(async move {
                    let _probe = probe;
                    let _bomb = bomb;
                    pending::<()>().await;
                })
            })
            .collect();
        owner.block_on(yield_now());
        drop(owner);
        for task in tasks {
            let error = alone(task).unwrap_err();
            assert!(error.is_cancelled() || error.is_panic(), "{error}");
        }
        assert_eq!(drops.get(), 12);
    }

    /// Whoever waits at the end has a waker that panics.
    fn in_a_waker_at_the_end_the_others_are_told(start: Start) {
        let owner = start();
        let handle = owner.handle();
        let (_mine, waker) = mine();
        let mut first = handle.spawn(pending::<()>());
        let mut second = handle.spawn(pending::<()>());
        assert!(poll_with(&mut first, &waker).is_pending());
        assert!(poll_with(&mut second, &waker).is_pending());
        let third = handle.spawn(pending::<()>());
        let (mut one, mut two) = handle.enter(|| {
            let hour = Duration::from_secs(3600);
            (sleep(hour), sleep(hour))
        });
        let cx = &mut Context::from_waker(&waker);
        assert!(one.poll_elapsed(cx).is_pending() && two.poll_elapsed(cx).is_pending());
        let (socket, _peer) = alone(handle.wrap(crate::support::with_peer()));
        let mut buf = [0];
        let mut read = Box::pin(socket.read(&mut buf));
        assert!(poll_with(&mut read, &waker).is_pending());
        drop(owner);
        for task in [first, second, third] {
            assert!(alone(task).unwrap_err().is_cancelled());
        }
        assert!(matches!(one.poll_elapsed(cx), Poll::Ready(Err(_))));
        assert!(matches!(two.poll_elapsed(cx), Poll::Ready(Err(_))));
        assert!(alone(read).is_err());
    }
}
