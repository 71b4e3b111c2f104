//! The runtime ends: before, while and after it is asked for something; also inside its own code.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_traits::hooks::{Meta, State};
use runtime_traits::io::Async;
use runtime_traits::net::{TcpListener, TcpStream, UdpSocket};
use runtime_traits::task::{self, JoinHandle, yield_now};
use runtime_traits::time::{Instant, sleep, timeout, try_sleep};
use runtime_traits::{Gone, Handle};

use crate::support::{
    Drops, Gate, MANY, Owner, alone, announced, on_every_runtime, panic_of, waiting, watched,
    with_every_runtime, with_peer,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Nobody polls this to its end.
async fn parked<T>(held: T) {
    let _held = held;
    std::future::pending::<()>().await;
}

async fn sleep_in(delay: Duration) {
    sleep(delay).await;
}

/// The error that a runtime's end is.
#[track_caller]
fn is_gone(error: io::Error) {
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{error}");
    assert!(error.get_ref().is_some_and(|reason| reason.is::<Gone>()), "{error}");
    assert!(error.to_string().contains("shut down"), "{error}");
}

#[track_caller]
fn is_cancelled<T>(join: JoinHandle<T>) {
    let error = alone(join).map(drop).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
}

/// Whatever is asked of a runtime that has ended is answered, at once, and says so.
fn assert_ended(handle: &Handle) {
    assert_eq!(handle.info().state, State::ShutDown);
    let drops = Drops::default();
    let probe = drops.probe();
    is_cancelled(handle.spawn(async move {
        let _probe = probe;
        unreachable!("polled after the end");
    }));
    assert_eq!(drops.get(), 1, "the future of a refused task is dropped");
    match handle.try_spawn_with(Meta::new(None), async { unreachable!("polled after the end") }) {
        Ok(join) => is_cancelled::<()>(join),
        Err(refused) => assert!(!refused.is_temporary(), "{refused}"),
    }
    is_cancelled(handle.enter(|| runtime_traits::spawn(async {})));
    is_cancelled(handle.enter(|| task::spawn_blocking(|| {})));
    let local = alone(handle.enter(|| task::spawn_local(async {}))).unwrap_err();
    assert!(local.is_cancelled() || local.unsupported().is_some(), "{local}");
    let blocked = handle.block_on(async {}).unwrap_err();
    assert!(blocked.to_string().contains("shutting down"), "{blocked}");
    assert_time_ended(handle);
    assert_sockets_ended(handle);
}

fn assert_time_ended(handle: &Handle) {
    let mut sleep = handle.enter(|| try_sleep(HOUR)).unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    assert_eq!(sleep.poll_elapsed(cx), Poll::Ready(Err(Gone)));
    let (text, _) = panic_of(|| alone(sleep));
    assert!(text.contains("shut down"), "{text}");
    let late = handle.enter(|| timeout(HOUR, std::future::pending::<()>()));
    let late = alone(late).unwrap_err();
    assert!(!late.is_timeout(), "{late}");
    assert!(late.to_string().contains("shut down"), "{late}");
    assert_eq!(io::Error::from(late).kind(), io::ErrorKind::BrokenPipe);
}

fn assert_sockets_ended(handle: &Handle) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    is_gone(alone(handle.wrap(TcpStream::connect(at))).unwrap_err());
    is_gone(alone(handle.wrap(TcpListener::bind("127.0.0.1:0"))).unwrap_err());
    is_gone(alone(handle.wrap(UdpSocket::bind("127.0.0.1:0"))).err().unwrap());
    is_gone(handle.enter(|| TcpListener::try_from(listener)).unwrap_err());
}

/// Wakers in one list under one lock, as channels and asynchronous locks keep them.
#[derive(Default)]
struct Waiters {
    wakers: Mutex<Vec<Option<Waker>>>,
    parked: AtomicUsize,
    dropped: AtomicUsize,
}

/// Waits for ever; whoever leaves wakes the next one, still holding the lock.
struct Waiter(Arc<Waiters>, usize);

impl Future for Waiter {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Waiter(waiters, number) = &*self;
        if waiters.wakers.lock().unwrap()[*number].replace(cx.waker().clone()).is_none() {
            waiters.parked.fetch_add(1, SeqCst);
        }
        Poll::Pending
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let Waiter(waiters, number) = self;
        let mut wakers = waiters.wakers.lock().unwrap();
        wakers[*number] = None;
        if let Some(next) = wakers.iter_mut().find_map(Option::take) {
            next.wake();
        }
        waiters.dropped.fetch_add(1, SeqCst);
    }
}

with_every_runtime! {
    /// What a destructor wakes at the end must not be dropped inside that wake.
    fn tasks_that_wake_each_other_under_a_lock_end(start: Start) {
        const COUNT: usize = 16;
        let owner = start();
        let waiters = Arc::new(Waiters::default());
        waiters.wakers.lock().unwrap().resize_with(COUNT, || None);
        for number in 0..COUNT {
            drop(owner.handle().spawn(Waiter(waiters.clone(), number)));
        }
        owner.block_on(async {
            while waiters.parked.load(SeqCst) < COUNT {
                yield_now().await;
            }
        });
        drop(owner);
        assert_eq!(waiters.dropped.load(SeqCst), COUNT);
    }

    fn after_the_end_everything_says_so(start: Start) {
        let owner = start();
        let handle = owner.handle();
        assert_eq!(owner.block_on(owner.handle().spawn(async { 1 })).unwrap(), 1);
        drop(owner);
        assert_ended(&handle);
    }

    fn each_way_to_end_it_ends_it(start: Start) {
        let ways: [fn(Owner); 5] = [
            drop,
            |owner| owner.shutdown_background(),
            |owner| owner.shutdown_timeout(Duration::ZERO),
            |owner| owner.shutdown_timeout(Duration::from_millis(5)),
            |owner| thread::spawn(|| drop(owner)).join().unwrap(),
        ];
        for end in ways {
            let owner = start();
            let handle = owner.handle();
            let drops = Drops::default();
            let tasks: Vec<_> = (0..20).map(|_| handle.spawn(parked(drops.probe()))).collect();
            owner.block_on(yield_now());
            end(owner);
            tasks.into_iter().for_each(is_cancelled);
            assert_eq!(drops.get(), 20);
            assert_ended(&handle);
        }
    }

    /// Four threads spawn as fast as they can while the runtime ends: each task ends one way or the
    /// other, and each future is dropped once.
    fn spawning_while_it_ends_loses_nothing(start: Start) {
        for _ in 0..10 {
            let owner = start();
            let (drops, under_way) = (Drops::default(), Gate::default());
            let spawned = AtomicUsize::new(0);
            let handle = owner.handle();
            let joins = Mutex::new(Vec::new());
            thread::scope(|scope| {
                for n in 0..4 {
                    let (handle, drops, spawned) = (&handle, &drops, &spawned);
                    let (under_way, joins) = (&under_way, &joins);
                    scope.spawn(move || {
                        let mut mine = Vec::new();
                        let mut after_the_end = 0;
                        while after_the_end < 5 {
                            after_the_end += usize::from(handle.info().state == State::ShutDown);
                            if mine.len() < 20_000 || after_the_end > 0 {
                                let probe = drops.probe();
                                mine.push(match (mine.len() + n) % 3 {
                                    0 => handle.spawn(parked(probe)),
                                    1 => handle.spawn(async move { drop(probe) }),
                                    _ => handle.spawn(async move {
                                        let _probe = probe;
                                        yield_now().await;
                                    }),
                                });
                                if spawned.fetch_add(1, SeqCst) == 100 {
                                    under_way.open();
                                }
                            } else {
                                thread::yield_now();
                            }
                        }
                        joins.lock().unwrap().extend(mine);
                    });
                }
                under_way.pass();
                drop(owner);
            });
            for join in joins.into_inner().unwrap() {
                if let Err(error) = alone(join) {
                    assert!(error.is_cancelled(), "{error}");
                }
            }
            assert_eq!(drops.get(), spawned.load(SeqCst));
        }
    }

    /// Destructors of tasks find their runtime current, and may spawn: such tasks are cancelled.
    fn destructors_may_spawn_while_it_ends(start: Start) {
        struct Spawns(Drops, Sender<JoinHandle<()>>);
        impl Drop for Spawns {
            fn drop(&mut self) {
                let probe = self.0.probe();
                self.1.send(runtime_traits::spawn(parked(probe))).unwrap();
            }
        }
        let owner = start();
        let (drops, (sender, spawned)) = (Drops::default(), channel());
        for _ in 0..10 {
            let held = Spawns(drops.clone(), sender.clone());
            drop(owner.handle().spawn(parked(held)));
        }
        drop(sender);
        owner.block_on(yield_now());
        drop(owner);
        let spawned: Vec<_> = spawned.iter().collect();
        assert_eq!(spawned.len(), 10);
        spawned.into_iter().for_each(is_cancelled);
        assert_eq!(drops.get(), 10);
    }

    /// A task that sleeps is cancelled as any other: its sleep does not panic first.
    fn tasks_that_sleep_are_cancelled(start: Start) {
        for _ in 0..20 {
            let owner = start();
            let tasks: Vec<_> = (0..40_u64)
                .map(|n| {
                    owner.handle().spawn(async move {
                        loop {
                            sleep(if n % 2 == 0 { HOUR } else { Duration::from_micros(n) }).await;
                        }
                    })
                })
                .collect();
            owner.block_on(sleep_in(Duration::from_millis(2)));
            drop(owner);
            tasks.into_iter().for_each(is_cancelled::<()>);
        }
    }

    /// A blocking closure that has started is not lost with the runtime: its result arrives.
    fn a_started_closure_keeps_its_result(start: Start) {
        let owner = start();
        let (started, gate) = (Gate::default(), Gate::default());
        let (at_it, go_on) = (started.clone(), gate.clone());
        let join = owner.handle().enter(|| {
            task::spawn_blocking(move || {
                at_it.open();
                go_on.pass();
                7
            })
        });
        started.pass();
        owner.shutdown_background();
        gate.open();
        assert_eq!(alone(join).unwrap(), 7);
    }

    // ── dropped inside async code ───────────────────────────────────────────────────────────────

    fn dropped_in_its_own_block_on(start: Start) {
        let owner = start();
        let (handle, drops) = (owner.handle(), Drops::default());
        let task = handle.spawn(parked(drops.probe()));
        let inside = handle.clone();
        let after = handle.block_on(async move {
            yield_now().await;
            drop(owner);
            // The future goes on; what it waits for from here on is answered.
            assert!(inside.spawn(async {}).await.unwrap_err().is_cancelled());
            assert!(!timeout(HOUR, std::future::pending::<()>()).await.unwrap_err().is_timeout());
            yield_now().await;
            5
        });
        assert_eq!(after.unwrap(), 5);
        is_cancelled(task);
        assert_eq!(drops.get(), 1);
        assert_ended(&handle);
    }

    fn dropped_in_one_of_its_tasks(start: Start) {
        let owner = start();
        let (handle, drops) = (owner.handle(), Drops::default());
        let task = handle.spawn(parked(drops.probe()));
        let probe = drops.probe();
        let ended = handle.clone().block_on(async {
            let ends = async move {
                let _probe = probe;
                drop(owner);
                Handle::current()
            };
            match handle.spawn(ends).await {
                Ok(current) => assert_eq!(current, handle),
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        });
        ended.unwrap();
        is_cancelled(task);
        assert_eq!(drops.get(), 2);
        assert_ended(&handle);
    }

    fn dropped_in_a_task_that_waits_afterwards(start: Start) {
        let owner = start();
        let handle = owner.handle();
        let drops = Drops::default();
        let probe = drops.probe();
        let task = handle.spawn(async move {
            drop(owner);
            parked(probe).await;
        });
        let (cancelled, told) = channel();
        let watches = async move { cancelled.send(task.await.unwrap_err().is_cancelled()).unwrap() };
        let mut watches = pin!(watches);
        // Refused, if it has ended by now: where it has threads of its own, nobody is needed.
        if handle.block_on(watches.as_mut()).is_err() {
            alone(watches);
        }
        assert_eq!(told.recv(), Ok(true));
        assert_eq!(drops.get(), 1);
        assert_ended(&handle);
    }

    fn dropped_in_one_of_its_blocking_closures(start: Start) {
        let owner = start();
        let handle = owner.handle();
        let task = handle.spawn(parked(()));
        let join = handle.enter(|| task::spawn_blocking(move || drop(owner)));
        if let Err(error) = alone(join) {
            assert!(error.is_cancelled(), "{error}");
        }
        is_cancelled(task);
        assert_ended(&handle);
    }

    fn dropped_in_a_local_task(start: Start) {
        let owner = start();
        let handle = owner.handle();
        let task = handle.spawn(parked(()));
        handle.clone().block_on(async move {
            let joined = task::spawn_local(async move { drop(owner) }).await;
            if let Err(error) = joined {
                assert!(error.is_cancelled() || error.unsupported().is_some(), "{error}");
            }
        }).unwrap();
        is_cancelled(task);
        assert_ended(&handle);
    }

    fn dropped_in_a_destructor_of_its_task(start: Start) {
        let owner = start();
        let handle = owner.handle();
        let task = handle.spawn(parked(()));
        let last = handle.spawn(async move {
            let _dropped_at_the_end = owner;
        });
        // Refused, if it has ended by now: where it has threads of its own, nobody is needed.
        let _ = handle.block_on(async { _ = last.await });
        is_cancelled(task);
        assert_ended(&handle);
    }

    fn dropped_in_a_task_of_another_runtime(start: Start) {
        for outer in MANY {
            let (outer, owner) = (outer(), start());
            let (handle, drops) = (owner.handle(), Drops::default());
            let task = handle.spawn(parked(drops.probe()));
            outer.block_on(outer.handle().spawn(async move { drop(owner) })).unwrap();
            is_cancelled(task);
            assert_eq!(drops.get(), 1);
            assert_ended(&handle);
            assert_eq!(outer.block_on(outer.handle().spawn(async { 2 })).unwrap(), 2);
        }
    }

    /// The thread inside `block_on` waits, for this or that, while another ends the runtime: the
    /// future is told by what it waits for, and goes on.
    fn block_on_is_told_too(start: Start) {
        type Waits = fn(Gate) -> std::pin::Pin<Box<dyn Future<Output = ()>>>;
        let waits: [Waits; 4] = [
            |gate| Box::pin(async {
                let task = runtime_traits::spawn(parked(()));
                assert!(announced(gate, task).await.unwrap_err().is_cancelled());
            }),
            |gate| Box::pin(async {
                let (stream, _peer) = with_peer().await;
                is_gone(announced(gate, stream.read(&mut [0])).await.unwrap_err());
            }),
            |gate| Box::pin(async {
                let limited = timeout(HOUR, std::future::pending::<()>());
                assert!(!announced(gate, limited).await.unwrap_err().is_timeout());
            }),
            |gate| Box::pin(async {
                let mut sleep = sleep(HOUR);
                let told = std::future::poll_fn(|cx| sleep.poll_elapsed(cx));
                assert_eq!(announced(gate, told).await, Err(Gone));
                let late = task::spawn_blocking(|| 7).await;
                assert!(late.unwrap_err().is_cancelled());
                yield_now().await;
            }),
        ];
        for wait in waits {
            let (owner, gate) = (start(), Gate::default());
            let (handle, waits) = (owner.handle(), gate.clone());
            let drops = Drops::default();
            let task = handle.spawn(parked(drops.probe()));
            let inside = handle.clone();
            let blocked = thread::spawn(move || inside.block_on(wait(waits)).unwrap());
            gate.pass();
            drop(owner);
            blocked.join().unwrap();
            is_cancelled(task);
            assert_eq!(drops.get(), 1);
            assert_ended(&handle);
        }
    }

    // ── ends under a waiter ─────────────────────────────────────────────────────────────────────

    /// Waiters elsewhere are woken and told.
    fn whoever_waits_is_told(start: Start) {
        let owner = start();
        let handle = owner.handle();
        let (stream, _peer) = alone(handle.wrap(with_peer()));
        let listener = alone(handle.wrap(TcpListener::bind("127.0.0.1:0"))).unwrap();
        let datagrams = alone(handle.wrap(UdpSocket::bind("127.0.0.1:0"))).unwrap();
        let (pipe, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let pipe = handle.enter(|| Async::new(pipe)).unwrap();
        let stream = Arc::new(stream);
        let mut waiters: Vec<thread::JoinHandle<io::Error>> = Vec::new();
        for _ in 0..3 {
            let stream = stream.clone();
            waiters.push(waiting(async move { stream.read(&mut [0]).await.unwrap_err() }));
        }
        let written = stream.clone();
        waiters.push(waiting(async move {
            loop {
                if let Err(error) = written.write(&[0; 65536]).await {
                    return error;
                }
            }
        }));
        waiters.push(waiting(async move { listener.accept().await.unwrap_err() }));
        waiters.push(waiting(async move { datagrams.recv_from(&mut [0]).await.unwrap_err() }));
        waiters.push(waiting(async move { pipe.readable().await.unwrap_err() }));
        let mut sleep = handle.enter(|| sleep(HOUR));
        let asleep = waiting(std::future::poll_fn(move |cx| sleep.poll_elapsed(cx)));
        let limit = handle.enter(|| timeout(HOUR, std::future::pending::<()>()));
        let limited = waiting(limit);
        let join = handle.spawn(parked(()));
        let joining = waiting(join);
        drop(owner);
        waiters.into_iter().for_each(|waiter| is_gone(waiter.join().unwrap()));
        assert_eq!(asleep.join().unwrap(), Err(Gone));
        assert!(!limited.join().unwrap().unwrap_err().is_timeout());
        assert!(joining.join().unwrap().unwrap_err().is_cancelled());
        is_gone(alone(stream.read(&mut [0])).unwrap_err());
        is_gone(alone(stream.write(&[0])).unwrap_err());
        assert_ended(&handle);
    }

    /// A connection that is being made when the runtime ends.
    fn whoever_connects_is_told(start: Start) {
        if !cfg!(target_os = "linux") {
            return; // elsewhere no queue is known to be full after one connection
        }
        let full = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&full, 0).unwrap();
        let at = full.local_addr().unwrap();
        let _first = std::net::TcpStream::connect(at).unwrap();
        let owner = start();
        let handle = owner.handle();
        let connecting = waiting(handle.wrap(async move {
            let mut connect = pin!(TcpStream::connect(at));
            connect.as_mut().await.unwrap_err()
        }));
        drop(owner);
        is_gone(connecting.join().unwrap());
    }

    /// Whoever waits on another runtime is told too.
    fn a_task_of_another_runtime_is_told(start: Start) {
        for outer in MANY {
            let (outer, owner) = (outer(), start());
            let (stream, _peer) = alone(owner.handle().wrap(with_peer()));
            let waits = Gate::default();
            let read = async move { stream.read(&mut [0]).await.unwrap_err() };
            let task = outer.handle().spawn(announced(waits.clone(), read));
            waits.pass();
            drop(owner);
            is_gone(outer.block_on(task).unwrap());
        }
    }
}

/// Runtimes do not keep each other: those that end in the tasks of one another, end.
#[test]
fn runtimes_that_own_each_other_end() {
    watched("all", || {
        for (first, second) in MANY.iter().flat_map(|a| MANY.iter().map(move |b| (a, b))) {
            let (first, second) = (first(), second());
            let (one, two) = (first.handle(), second.handle());
            drop(one.spawn(parked(second)));
            let task = two.spawn(parked(()));
            drop(first);
            is_cancelled(task);
            assert_ended(&one);
            assert_ended(&two);
        }
    });
}

on_every_runtime! {
    /// A runtime that comes and goes inside another's task leaves the outer one current.
    async fn a_runtime_may_live_in_a_task() {
        let outer = Handle::current();
        let start = Instant::now();
        for inner in MANY {
            let inner = inner();
            let task = inner.handle().spawn(async { Handle::current() });
            assert_eq!(task.await.unwrap(), inner.handle());
            drop(inner);
            assert_eq!(Handle::current(), outer);
        }
        assert!(Instant::now() >= start);
    }
}
