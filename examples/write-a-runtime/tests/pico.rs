//! What pico promises (P1 to P5 of its first page), each once.

#![cfg(unix)]
#![forbid(unsafe_code)]

use std::future::{pending, poll_fn};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use pico::Pico;
use runtime_traits::hooks::{After, Dir, Source, Token};
use runtime_traits::time::{Duration, Instant, Sleep, sleep, sleep_until, timeout};
use runtime_traits::{Handle, Refused};

const HOUR: Duration = Duration::from_secs(3600);

/// P1. Stochastic: the thread acts when the loop falls asleep, is asleep, or wakes up.
#[pico::test]
async fn p1_a_wake_from_another_thread_ends_the_sleep() {
    rounds_with_another_thread(|note| note.ring()).await;
}

/// P1. Stochastic, as above.
#[pico::test]
async fn p1_a_spawn_from_another_thread_ends_the_sleep() {
    let handle = Handle::current();
    rounds_with_another_thread(move |note| drop(handle.spawn(async move { note.ring() }))).await;
}

/// What main waits for: a count that another thread moves.
struct Note(Arc<AtomicUsize>, Waker);

impl Note {
    fn ring(self) {
        self.0.fetch_add(1, SeqCst);
        self.1.wake();
    }
}

/// Main asks the thread to `act`, and sleeps until it did; nothing else keeps the loop awake.
async fn rounds_with_another_thread(act: impl Fn(Note) + Send + 'static) {
    let (ask, asked) = mpsc::channel::<Note>();
    let other = thread::spawn(move || asked.into_iter().for_each(act));
    let count = Arc::new(AtomicUsize::new(0));
    for round in 1..=2_000 {
        let mut ask = Some(&ask);
        poll_fn(|cx| {
            if let Some(ask) = ask.take() {
                ask.send(Note(count.clone(), cx.waker().clone())).unwrap();
            }
            if count.load(SeqCst) == round { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
    drop(ask);
    other.join().unwrap();
}

#[pico::test]
async fn p3_a_timer_is_never_early() {
    for micros in [0, 1, 500, 999, 1_500, 7_300] {
        let deadline = Instant::now() + Duration::from_micros(micros);
        sleep_until(deadline).await;
        assert!(Instant::now() >= deadline);
    }
}

/// P3. The loop sleeps for an hour when another thread arms something shorter for main.
#[pico::test]
async fn p3_an_earlier_deadline_cuts_the_sleep_short() {
    let long = runtime_traits::spawn(sleep(HOUR));
    let armed = Arc::new(Mutex::new(None::<Sleep>));
    let mut start = Some((Handle::current(), armed.clone()));
    poll_fn(|cx| {
        if let Some((handle, armed)) = start.take() {
            let waker = cx.waker().clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(20)); // widens the window, makes no order
                let mut armed = armed.lock().unwrap(); // main looks when we are done
                let short = armed.insert(handle.enter(|| sleep(Duration::from_millis(1))));
                if short.poll_elapsed(&mut Context::from_waker(&waker)).is_ready() {
                    waker.wake(); // a busy machine: the millisecond was over already
                }
            });
        }
        match &mut *armed.lock().unwrap() {
            Some(short) => short.poll_elapsed(cx).map(Result::unwrap),
            None => Poll::Pending,
        }
    })
    .await;
    long.abort();
    assert!(long.await.unwrap_err().is_cancelled());
}

/// What a thread returns, without blocking ours.
async fn poll_thread<T: Send + 'static>(thread: thread::JoinHandle<T>) -> T {
    while !thread.is_finished() {
        sleep(Duration::from_millis(1)).await;
    }
    thread.join().unwrap()
}

#[pico::test]
async fn p3_extreme_deadlines_disturb_nobody() {
    let never = runtime_traits::spawn(sleep_until(Instant::MAX));
    let late = timeout(Duration::from_millis(5), pending::<()>()).await;
    assert!(late.unwrap_err().is_timeout());
    assert!(!never.is_finished());
}

#[pico::test]
async fn p4_a_byte_from_another_thread_is_read() {
    let (ours, mut theirs) = pair();
    let other = thread::spawn(move || {
        for byte in 0..200 {
            theirs.write_all(&[byte]).unwrap();
        }
    });
    for byte in 0..200 {
        assert_eq!(ours.read().await.unwrap(), Some(byte));
    }
    other.join().unwrap();
    assert_eq!(ours.read().await.unwrap(), None, "the other end was closed");
}

#[pico::test]
async fn p4_a_full_socket_is_written_when_there_is_room() {
    let (ours, mut theirs) = pair();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(5));
        io::copy(&mut theirs, &mut io::sink()).unwrap()
    });
    let chunk = [7; 64 * 1024];
    let mut sum = 0;
    for _ in 0..64 {
        sum += ours.io(Dir::Write, |mut socket| socket.write(&chunk)).await.unwrap();
    }
    drop(ours);
    assert_eq!(poll_thread(other).await, sum as u64);
}

#[pico::test]
async fn a_panic_stays_in_its_task() {
    let panicked = runtime_traits::spawn(async { panic!("on purpose") }).await;
    assert!(panicked.unwrap_err().is_panic());
    assert_eq!(runtime_traits::spawn(async { 1 }).await.unwrap(), 1);
}

#[test]
fn a_panic_of_main_goes_to_the_caller_and_leaves_the_runtime_usable() {
    let pico = Pico::new().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        pico.handle().block_on(async { panic!("on purpose") }).unwrap()
    }));
    panicked.unwrap_err();
    assert_eq!(pico.handle().block_on(async { 1 }).unwrap(), 1);
}

#[pico::test]
async fn a_nested_block_on_is_refused() {
    let handle = Handle::current();
    let refused = handle.block_on(async {}).unwrap_err();
    assert_eq!(refused.to_string(), Refused::NOT_HERE.to_string());
}

/// P5. Tasks that are parked on nothing, on each other, and on a deadline.
#[test]
fn p5_the_end_drops_every_task_once_with_the_runtime_current() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let pico = Pico::new().unwrap();
    let handle = pico.handle().clone();
    let noted = || Noted(dropped.clone(), handle.clone());
    let joins = handle
        .block_on(async {
            let (one, two, three) = (noted(), noted(), noted());
            let parked = runtime_traits::spawn(async move { drop((one, pending::<()>().await)) });
            let sleeps = runtime_traits::spawn(async move { drop((two, sleep(HOUR).await)) });
            runtime_traits::task::yield_now().await;
            let queued = runtime_traits::spawn(async move { drop(three) });
            [parked, sleeps, queued]
        })
        .unwrap();
    drop(pico);
    assert_eq!(dropped.load(SeqCst), 3);
    for join in joins {
        assert!(poll_now(join).unwrap_err().is_cancelled());
    }
}

struct Noted(Arc<AtomicUsize>, Handle);

impl Drop for Noted {
    fn drop(&mut self) {
        assert_eq!(Handle::current(), self.1);
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn p5_after_the_end_every_call_answers() {
    let pico = Pico::new().unwrap();
    let handle = pico.handle().clone();
    let mut waits = handle.enter(|| sleep(HOUR));
    let (ours, _theirs) = handle.enter(pair);
    drop(pico);
    assert!(poll_now(handle.spawn(async {})).unwrap_err().is_cancelled());
    let refused = handle.block_on(async {}).unwrap_err();
    assert!(refused.to_string().contains("shutting down"), "{refused}");
    assert!(poll_now(poll_fn(|cx| waits.poll_elapsed(cx))).is_err());
    assert_eq!(poll_now(ours.read()).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

/// P5. The loop has both waiters in its tables when the owner goes away.
#[test]
fn p5_whoever_waits_when_the_runtime_ends_is_told() {
    let pico = Pico::new().unwrap();
    let handle = pico.handle().clone();
    let told = handle.block_on(async move {
        let mut long = sleep(HOUR);
        let (ours, _theirs) = pair();
        let mut read = std::pin::pin!(ours.read());
        let mut pico = Some(pico);
        poll_fn(|cx| {
            let (time, read) = (long.poll_elapsed(cx), read.as_mut().poll(cx));
            pico = None;
            match (time, read) {
                (Poll::Ready(time), Poll::Ready(read)) => Poll::Ready((time, read)),
                _ => Poll::Pending,
            }
        })
        .await
    });
    let (time, read) = told.unwrap();
    assert!(time.is_err() && read.is_err());
}

/// The output of a future that is ready at its first poll.
fn poll_now<F: Future>(future: F) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    match std::pin::pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("not ready"),
    }
}

// ── a socket over the bare hook, as `io::Async` does it ─────────────────────────────────────

struct Watched {
    handle: Handle,
    token: Token,
    socket: UnixStream,
}

fn pair() -> (Watched, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let handle = Handle::current();
    let source = Source::new(ours.try_clone().unwrap().into());
    let token = handle.runtime().reactor().unwrap().register(source).unwrap();
    (Watched { handle, token, socket: ours }, theirs)
}

impl Watched {
    async fn io<T>(
        &self,
        dir: Dir,
        mut call: impl FnMut(&UnixStream) -> io::Result<T>,
    ) -> io::Result<T> {
        let reactor = self.handle.runtime().reactor().unwrap();
        poll_fn(|cx| {
            let mut result = None;
            let mut op = || {
                result = Some(call(&self.socket)?);
                Ok(After::More)
            };
            let done = reactor.poll_io(self.token, dir, cx, &mut op);
            done.map_ok(|()| result.expect("`op` was called"))
        })
        .await
    }

    async fn read(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let n = self.io(Dir::Read, |mut socket| socket.read(&mut byte)).await?;
        Ok((n > 0).then_some(byte[0]))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.handle.runtime().reactor().unwrap().deregister(self.token);
    }
}
