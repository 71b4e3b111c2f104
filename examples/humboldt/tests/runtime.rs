//! Humboldt at work: tasks, timers, sockets, blocking closures, and which humboldt is meant.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use runtime_traits::net::{TcpListener, TcpStream};
use runtime_traits::task::{spawn_blocking, spawn_local, yield_now};
use runtime_traits::time::{Instant, sleep, sleep_until, timeout};
use runtime_traits::{Capability, Handle, io, spawn};

mod support;
use support::{HOUR, calling, here, noting, poll_now, poll_with, runtime};

// ── tasks ───────────────────────────────────────────────────────────────────────────────────────

#[humboldt::test]
async fn many_tasks_that_yield_all_finish() {
    let counts = (0..200u32).map(|i| {
        spawn(async move {
            for _ in 0..100 {
                yield_now().await;
            }
            i
        })
    });
    let counts: Vec<_> = counts.collect();
    let mut sum = 0;
    for count in counts {
        sum += count.await.unwrap();
    }
    assert_eq!(sum, 199 * 200 / 2);
}

/// Each of two tasks needs the other to be polled at the same time.
#[humboldt::test(worker_threads = 2)]
async fn two_workers_poll_at_the_same_time() {
    let barrier = Arc::new(Barrier::new(2));
    let task = || {
        let barrier = barrier.clone();
        spawn(async move {
            barrier.wait();
            here()
        })
    };
    let (one, other) = (task(), task());
    let mut names = [one.await.unwrap(), other.await.unwrap()];
    names.sort();
    assert_eq!(names, ["humboldt-worker-0", "humboldt-worker-1"]);
}

/// One worker, and a task that never waits: whoever waits for time or a socket has its turn.
#[humboldt::test(worker_threads = 1)]
async fn a_task_that_always_yields_starves_nobody() {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let busy = spawn(async move {
        while !stopped.load(SeqCst) {
            yield_now().await;
        }
    });
    let (listener, at) = listen().await;
    let client = spawn(async move {
        sleep(Duration::from_millis(2)).await;
        TcpStream::connect(at).await.unwrap().write_all(b"x").await.unwrap();
    });
    let (server, _) = listener.accept().await.unwrap();
    assert_eq!(server.read(&mut [0; 2]).await.unwrap(), 1);
    client.await.unwrap();
    stop.store(true, SeqCst);
    busy.await.unwrap();
}

/// The only worker is held; timers are armed and sources wake meanwhile, and nothing is lost.
#[test]
fn a_worker_that_is_held_loses_no_wake() {
    let (_runtime, handle) = runtime(1);
    let ((open, gate), (begun_in, begun)) = (channel::<()>(), channel());
    let held = handle.spawn(async move {
        begun_in.send(()).unwrap();
        gate.recv().unwrap();
    });
    begun.recv().unwrap();
    let tasks: Vec<_> = (0..50).map(|_| handle.spawn(async { yield_now().await })).collect();
    open.send(()).unwrap();
    let all = async {
        for task in tasks {
            task.await.unwrap();
        }
        held.await.unwrap();
    };
    handle.block_on(all).unwrap();
}

#[humboldt::test]
async fn a_panic_stays_in_its_task() {
    assert!(spawn(async { panic!("on purpose") }).await.unwrap_err().is_panic());
    assert!(spawn_blocking(|| panic!("on purpose")).await.unwrap_err().is_panic());
    assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
}

#[test]
fn a_panic_of_main_goes_to_the_caller_and_leaves_the_runtime_usable() {
    let (_runtime, handle) = runtime(1);
    let main = || handle.block_on(async { panic!("on purpose") }).unwrap();
    catch_unwind(AssertUnwindSafe(main)).unwrap_err();
    assert_eq!(handle.block_on(async { 1 }).unwrap(), 1);
}

#[test]
fn block_on_is_refused_on_a_worker_and_works_elsewhere() {
    let (_runtime, handle) = runtime(1);
    let (task, blocking, other) = (handle.clone(), handle.clone(), handle.clone());
    let nested = async move {
        let inside = spawn(async move { task.block_on(async {}).unwrap_err().to_string() });
        let outside = spawn_blocking(move || blocking.block_on(async { 2 }).unwrap());
        let beside = other.block_on(async { 3 }).unwrap();
        (inside.await.unwrap(), outside.await.unwrap(), beside)
    };
    let (refused, outside, beside) = handle.block_on(nested).unwrap();
    assert_eq!(refused, runtime_traits::Refused::NOT_HERE.to_string());
    assert_eq!((outside, beside), (2, 3));
}

#[humboldt::test]
async fn what_humboldt_lacks_is_a_typed_answer() {
    let error = spawn_local(async {}).await.unwrap_err();
    let missing = error.unsupported().expect("a typed answer");
    assert_eq!((missing.runtime, missing.capability), ("humboldt", Capability::Local));
    assert!(Handle::current().runtime().driver().is_none());
}

// ── time ────────────────────────────────────────────────────────────────────────────────────────

#[humboldt::test]
async fn timers_are_never_early_and_many_at_once_all_fire() {
    let sleeps = (0..300u64).map(|i| {
        spawn(async move {
            let deadline = Instant::now() + Duration::from_micros(i * 17);
            sleep_until(deadline).await;
            assert!(Instant::now() >= deadline);
        })
    });
    for sleep in sleeps.collect::<Vec<_>>() {
        sleep.await.unwrap();
    }
}

/// The driver sleeps for an hour when a plain thread arms something shorter.
#[test]
fn an_earlier_deadline_cuts_a_longer_sleep_short() {
    let (_runtime, handle) = runtime(1);
    let mut long = pin!(handle.enter(|| sleep(HOUR)));
    assert!(poll_now(long.as_mut()).is_pending());
    let (waker, notes) = noting();
    let mut short = pin!(handle.enter(|| sleep(Duration::from_millis(5))));
    while poll_with(short.as_mut(), &waker).is_pending() {
        assert_eq!(notes.recv().unwrap(), "humboldt-driver-0");
    }
    assert!(poll_now(long).is_pending());
}

/// A waker that panics is woken by the driver's thread, and so is the next one.
#[test]
fn a_waker_that_panics_does_not_stop_the_driver() {
    let (_runtime, handle) = runtime(1);
    let panicking = calling(|| panic!("on purpose"));
    let mut sleeps: Vec<_> =
        (0..5).map(|_| Box::pin(handle.enter(|| sleep(Duration::from_micros(200))))).collect();
    for sleep in &mut sleeps {
        let _ = poll_with(sleep.as_mut(), &panicking);
    }
    let later = async { sleep(Duration::from_millis(1)).await };
    handle.block_on(async { spawn(later).await.unwrap() }).unwrap();
}

// ── sockets ─────────────────────────────────────────────────────────────────────────────────────

async fn listen() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

async fn echo(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        drop(spawn(async move { io::copy(&stream, &stream).await }));
    }
}

#[humboldt::test]
async fn many_sockets_are_served_at_the_same_time() {
    let (listener, at) = listen().await;
    let server = spawn(echo(listener));
    let mut clients = Vec::new();
    for i in 0..300u32 {
        clients.push((i, TcpStream::connect(at).await.unwrap()));
    }
    let clients = clients.into_iter().map(|(i, client)| {
        spawn(async move {
            for round in 0..5 {
                let sent = (i * 10 + round).to_le_bytes();
                client.write_all(&sent).await.unwrap();
                let mut came = [0; 4];
                client.read_exact(&mut came).await.unwrap();
                assert_eq!(came, sent);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    server.abort();
}

/// Stochastic: a wake comes when its thread falls asleep, sleeps, or gets up.
#[humboldt::test(worker_threads = 2)]
async fn ping_pong_between_tasks_main_and_a_plain_thread_loses_no_wake() {
    let (listener, at) = listen().await;
    let server = spawn(echo(listener));
    let plain = thread::spawn(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(at).unwrap();
        for _ in 0..1_000 {
            stream.write_all(b"p").unwrap();
            stream.read_exact(&mut [0]).unwrap();
        }
    });
    let rounds = || async move {
        let stream = TcpStream::connect(at).await.unwrap();
        for _ in 0..1_000 {
            stream.write_all(b"p").await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
        }
    };
    let task = spawn(rounds());
    rounds().await;
    task.await.unwrap();
    spawn_blocking(|| plain.join().unwrap()).await.unwrap();
    server.abort();
}

// ── blocking closures ───────────────────────────────────────────────────────────────────────────

#[humboldt::test(worker_threads = 1)]
async fn blocking_closures_run_in_parallel_off_the_workers() {
    let (barrier, handle) = (Arc::new(Barrier::new(3)), Handle::current());
    let closures = (0..3).map(|_| {
        let (barrier, handle) = (barrier.clone(), handle.clone());
        spawn_blocking(move || {
            barrier.wait();
            assert_eq!(Handle::current(), handle);
            here()
        })
    });
    for closure in closures.collect::<Vec<_>>() {
        assert!(closure.await.unwrap().starts_with("humboldt-blocking-"));
    }
}

// ── which humboldt ──────────────────────────────────────────────────────────────────────────────

#[test]
fn spawn_goes_to_the_crates_own_from_plain_code_and_from_other_runtimes() {
    let own = humboldt::handle();
    assert_eq!(own, humboldt::handle());
    assert_eq!(own.info().name, "humboldt");
    let other = runtime_default::Builder::new().current_thread().build().unwrap();
    let (inner, outer) = other.block_on(async {
        let inner = humboldt::spawn(async { Handle::current() }).await.unwrap();
        (inner, Handle::current())
    });
    assert_eq!((inner, outer), (own, other.handle().clone()));
}

#[humboldt::test]
async fn spawn_goes_to_the_current_humboldt() {
    let (test, (_runtime, another)) = (Handle::current(), runtime(1));
    assert_ne!(test, another);
    let nested = another.spawn(async { humboldt::spawn(async { Handle::current() }).await });
    assert_eq!(nested.await.unwrap().unwrap(), another);
    assert_eq!(humboldt::spawn(async { Handle::current() }).await.unwrap(), test);
}

/// A test's runtime is nobody else's.
#[humboldt::test]
async fn a_thread_without_runtime_does_not_find_that_of_a_test() {
    let test = Handle::current();
    let found = thread::spawn(humboldt::handle).join().unwrap();
    assert_ne!(found, test);
}

// ── entry, facts and figures ────────────────────────────────────────────────────────────────────

#[test]
fn entry_heeds_its_options() {
    let workers = |n| humboldt::entry(|config| _ = config.worker_threads(n), info());
    assert_eq!((workers(1), workers(3)), (1, 3));
    let current = || humboldt::entry(|config| _ = config.current_thread(), async {});
    assert_message(current, "humboldt polls tasks on its own threads");
    let local = || humboldt::entry(|config| _ = config.require("timer").require("local"), async {});
    assert_message(local, "what runtime `humboldt` does not have: local");
    assert_message(|| drop(humboldt::Runtime::with_workers(0)), "at least one worker");
}

async fn info() -> usize {
    Handle::current().info().workers
}

fn assert_message(f: impl FnOnce(), expected: &str) {
    let panic = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap();
    assert!(text.contains(expected), "{text}");
}

#[test]
fn figures_count_what_there_is() {
    let (_runtime, handle) = runtime(1);
    let metrics = handle.metrics();
    assert_eq!((metrics.tasks_alive, metrics.sources, metrics.timers), (Some(0), Some(0), Some(0)));
    handle
        .block_on(async {
            let (listener, _) = listen().await;
            let parked = spawn(async { timeout(HOUR, std::future::pending::<()>()).await });
            let mut nap = pin!(sleep(HOUR));
            std::future::poll_fn(|cx: &mut Context<'_>| {
                assert!(poll_with(nap.as_mut(), cx.waker()).is_pending());
                Poll::Ready(())
            })
            .await;
            let metrics = Handle::current().metrics();
            assert_eq!((metrics.tasks_alive, metrics.sources), (Some(1), Some(1)));
            assert!(metrics.timers >= Some(1));
            parked.cancel().await.unwrap_err();
            drop(listener);
        })
        .unwrap();
    let metrics = handle.metrics();
    assert_eq!((metrics.tasks_alive, metrics.sources, metrics.timers), (Some(0), Some(0), Some(0)));
}
