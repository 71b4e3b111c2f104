//! Things that outlive their runtime: handles, wakers, join handles, sleeps, sockets.

use std::future::poll_fn;
use std::sync::mpsc::{Sender, channel};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_traits::hooks::State;
use runtime_traits::net::{TcpListener, UdpSocket};
use runtime_traits::task;
use runtime_traits::time::{Instant, interval, sleep};

use crate::support::{
    Drops, Gate, Probe, alone, announced, on_every_runtime, with_every_runtime, with_peer,
};

/// Gives its waker away and waits.
async fn gives_waker(to: Sender<Waker>, probe: Probe) {
    let _probe = probe;
    poll_fn(|cx| {
        to.send(cx.waker().clone()).unwrap();
        Poll::<()>::Pending
    })
    .await;
}

/// Does all that can be done with wakers, on several threads.
fn use_up(wakers: Vec<Waker>) {
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for waker in &wakers {
                    waker.wake_by_ref();
                    let copy = waker.clone();
                    copy.wake();
                    assert!(waker.will_wake(&waker.clone()));
                }
            });
        }
    });
    let (early, late) = wakers.split_at(wakers.len() / 2);
    early.iter().cloned().for_each(Waker::wake);
    late.iter().cloned().for_each(drop);
    wakers.into_iter().for_each(Waker::wake);
}

with_every_runtime! {
    fn a_waker_may_outlive_its_runtime(start: Start) {
        let owner = start();
        let (drops, (sender, wakers)) = (Drops::default(), channel());
        owner.block_on(async {
            let mut kept = Vec::new();
            for _ in 0..20 {
                let task = owner.handle().spawn(gives_waker(sender.clone(), drops.probe()));
                kept.push(task);
            }
            let local = task::spawn_local(gives_waker(sender.clone(), drops.probe()));
            // The root's own.
            poll_fn(|cx| { sender.send(cx.waker().clone()).unwrap(); Poll::Ready(()) }).await;
            kept.split_off(10).into_iter().for_each(drop); // half of them detached
            for _ in 0..5 {
                task::yield_now().await;
            }
            drop(local);
        });
        drop(owner);
        drop(sender);
        assert_eq!(drops.get(), 21, "the end drops every future, whoever holds its waker");
        let wakers: Vec<_> = wakers.iter().collect();
        assert!(!wakers.is_empty());
        use_up(wakers);
        assert_eq!(drops.get(), 21);
    }

    /// Wakes that come while the runtime ends.
    fn wakers_may_be_used_while_it_ends(start: Start) {
        for _ in 0..20 {
            let owner = start();
            let (drops, (sender, wakers)) = (Drops::default(), channel());
            let tasks: Vec<_> =
                (0..8).map(|_| gives_waker(sender.clone(), drops.probe()))
                    .map(|task| owner.handle().spawn(task)).collect();
            owner.block_on(async {
                for _ in 0..5 {
                    task::yield_now().await;
                }
            });
            let first: Vec<_> = wakers.try_iter().collect();
            let user = thread::spawn(move || {
                for waker in first.iter().cycle().take(2000) {
                    waker.wake_by_ref();
                }
            });
            drop(owner);
            user.join().unwrap();
            drop(sender);
            for task in tasks {
                assert!(alone(task).unwrap_err().is_cancelled());
            }
            assert_eq!(drops.get(), 8);
            use_up(wakers.try_iter().collect());
        }
    }

    fn a_handle_may_outlive_its_runtime(start: Start) {
        let owner = start();
        let (handle, other) = (owner.handle(), start());
        drop(owner);
        assert_eq!(handle.info().state, State::ShutDown);
        assert_eq!(handle, handle.clone());
        assert_ne!(handle, other.handle());
        assert!(format!("{handle:?}").contains(handle.info().name));
        let _ = handle.metrics();
        assert_eq!(handle.enter(|| 3), 3);
        assert_eq!(alone(handle.wrap(async { 4 })), 4);
        let before = handle.enter(Instant::now);
        assert!(handle.enter(Instant::now) >= before);
        thread::spawn(move || drop(handle)).join().unwrap();
    }

    fn other_things_may_outlive_it_too(start: Start) {
        let owner = start();
        let handle = owner.handle();
        let finished = handle.spawn(async { String::from("kept") });
        owner.block_on(async {
            while !finished.is_finished() {
                task::yield_now().await;
            }
        });
        let waiting = handle.spawn(std::future::pending::<()>());
        let mut sleep = handle.enter(|| sleep(Duration::from_secs(3600)));
        let ticks = handle.enter(|| interval(Duration::from_secs(1)));
        let (stream, _peer) = alone(handle.wrap(with_peer()));
        let listener = alone(handle.wrap(TcpListener::bind("127.0.0.1:0"))).unwrap();
        let datagrams = alone(handle.wrap(UdpSocket::bind("127.0.0.1:0"))).unwrap();
        // An entry of its own in the runtime's table.
        let cx = &mut std::task::Context::from_waker(Waker::noop());
        assert!(sleep.poll_elapsed(cx).is_pending());
        drop(owner);
        waiting.abort();
        assert!(alone(waiting.cancel()).unwrap_err().is_cancelled());
        sleep.reset(Instant::MAX);
        drop((sleep, ticks));
        // What needs no waiting still works; then they go.
        assert!(stream.local_addr().is_ok() && listener.local_addr().is_ok());
        assert!(format!("{stream:?}").contains(handle.info().name));
        let back = std::net::TcpStream::try_from(stream).unwrap();
        assert!(back.peer_addr().is_ok());
        drop((listener, datagrams));
        assert_eq!(alone(finished).unwrap(), "kept", "an output that was there is not lost");
    }

    /// SHUTDOWN-4: the end of the runtime drops no task of a set that others poll; so they are told.
    fn a_task_of_a_set_is_told_of_the_end(start: Start) {
        let (owner, waits) = (start(), Gate::default());
        let (handle, announces) = (owner.handle(), waits.clone());
        let root = thread::spawn(move || {
            let set = task::LocalSet::on(handle);
            alone(set.run_until(async {
                let local = async { announced(announces, sleep(Duration::from_secs(3600))).await };
                task::spawn_local(local).await
            }))
        });
        waits.pass();
        drop(owner);
        let outcome = root.join().unwrap();
        assert!(outcome.unwrap_err().is_panic(), "a sleep cannot end");
    }

    /// A set that is inside a task goes with it: its tasks have nothing to be told.
    fn a_task_of_a_set_inside_a_task_is_dropped_with_it(start: Start) {
        let (owner, drops, waits) = (start(), Drops::default(), Gate::default());
        let (probe, announces) = (drops.probe(), waits.clone());
        let (told, outcomes) = channel();
        let with_set = async move {
            let set = task::LocalSet::new();
            let local = set.spawn_local(async move {
                let _probe = probe;
                announced(announces, sleep(Duration::from_secs(3600))).await;
            });
            told.send(local).unwrap();
            set.run().await;
        };
        let task = owner.block_on(async {
            let task = task::spawn_local(with_set);
            match poll_fn(|_| Poll::Ready(task.is_finished())).await {
                true => return None, // no local tasks on this thread
                false => waits.wait().await,
            }
            Some(task)
        });
        drop(owner);
        assert_eq!(drops.get(), 1);
        if task.is_some() {
            let local = outcomes.recv().unwrap();
            assert!(alone(local).unwrap_err().is_cancelled());
        }
    }
}

on_every_runtime! {
    /// A waker of a task that is long over.
    async fn a_waker_may_outlive_its_task() {
        let (sender, wakers) = channel();
        let tasks: Vec<_> = (0..10).map(|n| {
            let sender = sender.clone();
            runtime_traits::spawn(poll_fn(move |cx| {
                sender.send(cx.waker().clone()).unwrap();
                Poll::Ready(n)
            }))
        }).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
        use_up(wakers.try_iter().collect());
    }
}
