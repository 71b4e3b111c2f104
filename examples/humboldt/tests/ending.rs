//! How humboldt ends: everything is dropped once, everybody is told, nothing hangs.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use humboldt::Runtime;
use humboldt::network::{TurboListener, TurboStream};
use runtime_traits::net::{TcpListener, TcpStream};
use runtime_traits::task::{spawn_blocking, yield_now};
use runtime_traits::time::sleep;
use runtime_traits::{Handle, spawn};

mod support;
use support::{HOUR, Noted, calling, noting, poll_now, poll_with, runtime};

/// Tasks that are parked on nothing, on a deadline, on a socket, on each other, or that never wait.
#[test]
fn the_end_drops_every_task_once_with_the_runtime_current() {
    let (runtime, handle) = runtime(2);
    let dropped = Arc::new(AtomicUsize::new(0));
    let noted = || Noted(dropped.clone(), handle.clone());
    let joins = handle
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let [a, b, c, d, e] = [(); 5].map(|()| noted());
            let nothing = spawn(async move { drop((a, pending::<()>().await)) });
            let each_other = spawn(async move {
                let _ = nothing.await;
                drop(b);
            });
            let deadline = spawn(async move { drop((c, sleep(HOUR).await)) });
            let socket = spawn(async move {
                let _ = listener.accept().await;
                drop(d);
            });
            let busy = spawn(async move {
                let _held = e;
                loop {
                    yield_now().await;
                }
            });
            yield_now().await;
            [each_other, deadline, socket, busy]
        })
        .unwrap();
    drop(runtime);
    assert_eq!(dropped.load(SeqCst), 5);
    assert_eq!(handle.metrics().tasks_alive, Some(0));
    for join in joins {
        let Poll::Ready(outcome) = poll_now(join) else { panic!("not ready") };
        assert!(outcome.unwrap_err().is_cancelled());
    }
}

#[test]
fn after_the_end_every_call_answers() {
    let (runtime, handle) = runtime(1);
    let mut waits = handle.enter(|| sleep(HOUR));
    drop(runtime);
    assert_eq!(handle.info().state, runtime_traits::hooks::State::ShutDown);
    let Poll::Ready(spawned) = poll_now(handle.spawn(async {})) else { panic!("not ready") };
    assert!(spawned.unwrap_err().is_cancelled());
    let blocking = handle.enter(|| spawn_blocking(|| unreachable!("it has ended")));
    let Poll::Ready(blocking) = poll_now(blocking) else { panic!("not ready") };
    assert!(blocking.unwrap_err().is_cancelled());
    let refused = handle.block_on(async {}).unwrap_err().to_string();
    assert!(refused.contains("shutting down"), "{refused}");
    let Poll::Ready(slept) = poll_now(poll_fn(|cx| waits.poll_elapsed(cx))) else {
        panic!("not ready")
    };
    slept.unwrap_err();
    handle.enter(|| {
        let Poll::Ready(bound) = poll_now(TcpListener::bind("127.0.0.1:0")) else {
            panic!("not ready")
        };
        assert_eq!(bound.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    });
}

/// A future outside of humboldt's tasks waits for a deadline, a socket, a listener and two ends of
/// Turbo's when the owner goes.
#[test]
fn whoever_waits_at_the_end_is_told() {
    let (runtime, handle) = runtime(1);
    let tcp = || async { TcpListener::bind("127.0.0.1:0").await.unwrap() };
    let (door, listener) = (tcp(), TurboListener::bind("ending.turbo:1"));
    let (door, listener) =
        handle.block_on(async { (door.await, listener.await.unwrap()) }).unwrap();
    let connect = async { TurboStream::connect("ending.turbo:1").await.unwrap() };
    let stream = handle.block_on(connect).unwrap();
    let (accepted, _) = handle.block_on(listener.accept()).unwrap().unwrap();
    let mut nap = handle.enter(|| sleep(HOUR));
    let (mut one, mut other) = ([0], [0]);
    let (mut accepts, mut turbo) = (pin!(door.accept()), pin!(listener.accept()));
    let (mut reads, mut answers) = (pin!(stream.read(&mut one)), pin!(accepted.read(&mut other)));
    let (waker, notes) = noting();
    assert!(poll_with(pin!(poll_fn(|cx| nap.poll_elapsed(cx))), &waker).is_pending());
    assert!(poll_with(accepts.as_mut(), &waker).is_pending());
    assert!(poll_with(turbo.as_mut(), &waker).is_pending());
    assert!(poll_with(reads.as_mut(), &waker).is_pending());
    assert!(poll_with(answers.as_mut(), &waker).is_pending());
    drop(runtime);
    (0..5).for_each(|_| drop(notes.recv().unwrap()));
    assert!(matches!(poll_now(poll_fn(|cx| nap.poll_elapsed(cx))), Poll::Ready(Err(_))));
    assert!(matches!(poll_now(accepts), Poll::Ready(Err(_))));
    assert!(matches!(poll_now(turbo), Poll::Ready(Err(_))));
    for read in [poll_now(reads), poll_now(answers)] {
        let Poll::Ready(Err(error)) = read else { panic!("not told") };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}

/// The end waits for blocking closures that run, and drops those that wait.
#[test]
fn the_end_waits_for_closures_that_run() {
    let (runtime, handle) = runtime(1);
    let ((begun_in, begun), (open, gate)) = (channel(), channel::<()>());
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    let closure = handle.enter(|| {
        spawn_blocking(move || {
            begun_in.send(()).unwrap();
            gate.recv().unwrap();
            count.fetch_add(1, SeqCst)
        })
    });
    begun.recv().unwrap();
    let ending = thread::spawn(move || drop(runtime));
    while handle.info().state == runtime_traits::hooks::State::Running {
        thread::yield_now();
    }
    open.send(()).unwrap();
    ending.join().unwrap();
    assert_eq!(ended.load(SeqCst), 1);
    assert!(poll_now(closure).is_ready());
}

// ── the owner is dropped where it cannot be waited for ──────────────────────────────────────────

#[test]
fn an_owner_dropped_inside_its_own_task_ends_the_runtime() {
    let (runtime, handle) = runtime(2);
    let dropped = Arc::new(AtomicUsize::new(0));
    let noted = Noted(dropped.clone(), handle.clone());
    let parked = handle.spawn(async move { drop((noted, pending::<()>().await)) });
    let task = handle.spawn(async move {
        yield_now().await;
        drop(runtime);
        yield_now().await;
        unreachable!("it is cancelled at its next wait");
    });
    let outcomes = async { (task.await.unwrap_err(), parked.await.unwrap_err()) };
    let (task, parked) = block_on(outcomes);
    assert!(task.is_cancelled() && parked.is_cancelled());
    assert_eq!(dropped.load(SeqCst), 1);
}

#[test]
fn an_owner_dropped_inside_its_own_blocking_closure_ends_the_runtime() {
    let (runtime, handle) = runtime(1);
    let closure = handle.enter(|| spawn_blocking(move || drop(runtime)));
    block_on(closure).unwrap();
    assert!(block_on(handle.spawn(async {})).unwrap_err().is_cancelled());
}

/// The waker runs on the driver's thread.
#[test]
fn an_owner_dropped_by_a_waker_ends_the_runtime() {
    let (runtime, handle) = runtime(1);
    let mut nap = Box::pin(handle.enter(|| sleep(Duration::from_millis(1))));
    let owner = Mutex::new(Some(runtime));
    let (sender, ended) = channel();
    let sender = Mutex::new(sender);
    let waker = calling(move || {
        drop(owner.lock().unwrap().take());
        let _ = sender.lock().unwrap().send(support::here());
    });
    if poll_with(nap.as_mut(), &waker).is_ready() {
        waker.wake(); // a busy machine: the millisecond was over
    }
    ended.recv().unwrap();
    assert!(block_on(handle.spawn(async {})).unwrap_err().is_cancelled());
}

#[test]
fn an_owner_dropped_by_main_waits_for_its_threads() {
    let (runtime, handle) = runtime(2);
    let dropped = Arc::new(AtomicUsize::new(0));
    let noted = Noted(dropped.clone(), handle.clone());
    let main = async {
        let task = spawn(async move { drop((noted, pending::<()>().await)) });
        drop(runtime);
        assert_eq!(dropped.load(SeqCst), 1);
        task.await.unwrap_err().is_cancelled()
    };
    assert!(handle.block_on(main).unwrap());
}

/// Stochastic: owners come and go while their tasks wake each other, and others spawn on them.
#[test]
fn runtimes_come_and_go() {
    for round in 0..200 {
        let runtime = Runtime::with_workers(1 + round % 3).unwrap();
        let handle = runtime.handle();
        let other = handle.clone();
        let outside = thread::spawn(move || {
            for _ in 0..20 {
                drop(other.spawn(async { yield_now().await }));
            }
        });
        let chatter = handle.spawn(async {
            loop {
                let _ = spawn(async { sleep(Duration::from_micros(50)).await }).await;
                yield_now().await; // at the end the spawn is cancelled at once, for ever
            }
        });
        if round % 2 == 0 {
            handle.block_on(yield_now()).unwrap();
        }
        drop(runtime);
        assert!(block_on(chatter).unwrap_err().is_cancelled());
        outside.join().unwrap();
        assert_eq!(handle.metrics().tasks_alive, Some(0));
    }
}

/// On this thread, without any runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut output = None;
    runtime_default::parts::park_on(pin!(async { output = Some(future.await) }));
    output.unwrap()
}

#[test]
fn a_socket_outlives_its_runtime_without_harm() {
    let (runtime, handle) = runtime(1);
    let (one, other) = handle
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let one = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            (one, listener.accept().await.unwrap().0)
        })
        .unwrap();
    drop(runtime);
    assert_eq!(block_on(one.write_all(b"x")).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    drop((one, other));
    assert_eq!(Handle::try_current().ok(), None);
}
