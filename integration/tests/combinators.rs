//! Combinators, channels and locks of others: they need no runtime, so they fit each.
//!
//! What this workspace does not have stands in the page of `runtime_traits::task` (*Several things at
//! once*); here each is used on every runtime, between tasks, with our timers, sockets and files.

#[path = "support/mod.rs"]
mod support;

use std::future::pending;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use async_channel::{bounded, unbounded};
use async_lock::{Mutex, RwLock, Semaphore};
use futures_lite::future::{or, race, try_zip, zip};
use futures_lite::{AsyncBufReadExt as _, StreamExt as _, stream};
use runtime_traits::io::{self, BufReader};
use runtime_traits::net::{TcpListener, TcpStream};
use runtime_traits::spawn;
use runtime_traits::task::{TaskGroup, yield_now};
use runtime_traits::time::{interval, sleep};

use support::{Drops, Gate, MANY, announced, on_every_runtime, pair, with_every_runtime};

const MS: Duration = Duration::from_millis(1);

on_every_runtime! {
    // ── join ────────────────────────────────────────────────────────────────────────────────────

    /// Each waits for the other: both are polled, in one task.
    async fn both_of_a_pair_are_awaited_side_by_side() {
        let (here, there) = pair().await;
        let one = async {
            here.write_all(b"ping").await?;
            let mut answer = [0; 4];
            here.read_exact(&mut answer).await.map(|()| answer)
        };
        let other = async {
            let mut question = [0; 4];
            there.read_exact(&mut question).await?;
            there.write_all(b"pong").await.map(|()| question)
        };
        let (answer, question) = zip(one, other).await;
        assert_eq!((&answer.unwrap(), &question.unwrap()), (b"pong", b"ping"));
    }

    async fn the_first_error_ends_the_pair() {
        let drops = Drops::default();
        let probe = drops.probe();
        let waits = async move {
            let _probe = probe;
            pending::<io::Result<()>>().await
        };
        let fails = async {
            sleep(MS).await;
            Err::<(), _>(io::Error::from(ErrorKind::TimedOut))
        };
        assert_eq!(try_zip(waits, fails).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(drops.get(), 1, "the other was dropped in the middle");
    }

    // ── select, race ────────────────────────────────────────────────────────────────────────────

    /// A read is given up for a timer, and has taken nothing.
    async fn whichever_is_first_wins_and_the_other_is_dropped() {
        let (here, there) = pair().await;
        let mut byte = [0];
        let read = async { here.read(&mut byte).await.map(Some) };
        let late = async {
            sleep(MS).await;
            Ok(None)
        };
        assert_eq!(or(read, late).await.unwrap(), None);
        there.write_all(b"x").await.unwrap();
        assert_eq!(here.read(&mut byte).await.unwrap(), 1);
        assert_eq!(byte, *b"x");
        // The first is asked first; a race has no favourite.
        assert_eq!(or(async { 1 }, async { 2 }).await, 1);
        let mut winners = [0, 0];
        while winners.contains(&0) {
            winners[race(async { 0 }, async { 1 }).await] += 1;
        }
    }

    // ── streams ─────────────────────────────────────────────────────────────────────────────────

    async fn our_streams_take_their_adapters() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let clients = async {
            for name in ["ada", "grace", "mary"] {
                let client = TcpStream::connect(at).await?;
                client.write_all(format!("{name}\nrest\n").as_bytes()).await?;
            }
            io::Result::Ok(())
        };
        let greeted = listener.incoming().take(3).then(|stream| async {
            let mut lines = BufReader::new(stream?).lines();
            lines.next().await.expect("a line")
        });
        let (sent, greeted) = zip(clients, greeted.try_collect::<_, _, Vec<_>>()).await;
        sent.unwrap();
        assert_eq!(greeted.unwrap(), ["ada", "grace", "mary"]);

        let mut group = TaskGroup::new();
        (0..10).for_each(|n| group.spawn(async move { yield_now().await; n }));
        let sum = group.map(|ended| ended.unwrap()).fold(0, |sum, n| sum + n).await;
        assert_eq!(sum, 45);
        // Two streams as one: a clock, and a channel that is closed. (A race of streams has no end.)
        let (sender, numbers) = unbounded();
        (0..5).for_each(|n| sender.try_send(Some(n)).unwrap());
        sender.close();
        let ticks = interval(MS).map(|_| None).take(3);
        let all: Vec<Option<i32>> = stream::race(numbers, ticks).take(8).collect().await;
        assert_eq!(all.iter().flatten().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    // ── channels ────────────────────────────────────────────────────────────────────────────────

    /// A thread, a task, and the root; the sender waits for room, and is woken where it waits.
    async fn a_channel_joins_threads_and_tasks() {
        let (to_task, from_thread) = bounded(1);
        let (to_root, from_task) = bounded(1);
        let thread = thread::spawn(move || {
            (0..1000).for_each(|n| to_task.send_blocking(n).unwrap());
        });
        let task = spawn(async move {
            while let Ok(n) = from_thread.recv().await {
                to_root.send(n * 2).await.unwrap();
            }
        });
        let mut expected = 0;
        while let Ok(n) = from_task.recv().await {
            assert_eq!(n, expected * 2);
            expected += 1;
        }
        assert_eq!(expected, 1000, "all, in order, and then the end");
        task.await.unwrap();
        thread.join().unwrap();
    }

    async fn an_aborted_task_closes_its_channel() {
        let (sender, receiver) = bounded::<()>(1);
        let waits = Gate::default();
        let task = spawn(announced(waits.clone(), async move {
            let _sender = sender;
            pending::<()>().await;
        }));
        waits.wait().await;
        task.abort();
        assert!(receiver.recv().await.is_err());
    }

    // ── locks ───────────────────────────────────────────────────────────────────────────────────

    async fn a_lock_is_held_across_an_await() {
        let total = Arc::new(Mutex::new(0));
        let limits = Arc::new(RwLock::new(1));
        let mut group = TaskGroup::new();
        for _ in 0..20 {
            let (total, limits) = (total.clone(), limits.clone());
            group.spawn(async move {
                for _ in 0..20 {
                    let mut total = total.lock().await;
                    let before = *total;
                    yield_now().await; // Whoever else ran now would be overwritten.
                    *total = before + *limits.read().await;
                }
            });
        }
        while let Some(ended) = group.join_next().await {
            ended.unwrap();
        }
        assert_eq!(*total.lock().await, 400);
        *limits.write().await = 2;
        assert_eq!(*limits.read().await, 2);
    }

    async fn a_semaphore_bounds_how_many_are_at_it() {
        let room = Arc::new(Semaphore::new(3));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut group = TaskGroup::new();
        for _ in 0..30 {
            let (room, now, most) = (room.clone(), now.clone(), most.clone());
            group.spawn(async move {
                let _permit = room.acquire().await;
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                yield_now().await;
                now.fetch_sub(1, SeqCst);
            });
        }
        while let Some(ended) = group.join_next().await {
            ended.unwrap();
        }
        assert!((1..=3).contains(&most.load(SeqCst)), "{most:?}");
        // Whoever gave up waiting takes no permit with it.
        let all = room.try_acquire_arc().unwrap();
        let (two, three) = (room.acquire_arc().await, room.acquire_arc().await);
        let late = or(async { Some(room.acquire().await) }, async { sleep(MS).await; None }).await;
        assert!(late.is_none());
        drop((all, two, three));
        room.acquire().await;
    }
}

with_every_runtime! {
    /// Neither a channel nor a lock belongs to a runtime: tasks of two wake each other.
    fn a_channel_and_a_lock_join_two_runtimes(start: Start) {
        for other in MANY {
            let (owner, other) = (start(), other());
            let (questions, asked) = bounded(1);
            let (answers, answered) = bounded(1);
            let last = Arc::new(Mutex::new(0));
            let (theirs, ours) = (last.clone(), last);
            let task = other.handle().spawn(async move {
                while let Ok(n) = asked.recv().await {
                    *theirs.lock().await = n;
                    answers.send(n * n).await.unwrap();
                }
            });
            owner.block_on(async {
                for n in 0..100 {
                    let mut held = ours.lock().await;
                    questions.send(n).await.unwrap();
                    *held = -1;
                    drop(held);
                    assert_eq!(answered.recv().await.unwrap(), n * n);
                    assert_eq!(*ours.lock().await, n);
                }
                questions.close();
                task.await.unwrap();
            });
        }
    }
}
