//! A task is one allocation; waking it, sleeping, and waiting for a socket are none.
//!
//! The allocator counts what *watched* threads do: the one that runs the test, and the runtime's own
//! by their start hook. So what the test harness does beside it is not seen.
//!
//! Queues and tables grow while a program gets going. What is asserted is the *fewest* allocations in
//! any of several equal windows: growth happens in few of them, a cost of the operation in all. So a
//! red result is always right; a cost that comes less than once in a window is not noticed.
#![cfg(unix)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::poll_fn;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_default::Builder;
use runtime_traits::io::Async;
use runtime_traits::net::{TcpListener, TcpStream};
use runtime_traits::task::yield_now;
use runtime_traits::time::{Instant, sleep, timeout};
use runtime_traits::{Handle, spawn};

// ── counting ────────────────────────────────────────────────────────────────────────────────────

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

impl Counting {
    fn count() {
        if WATCHED.get() {
            ALLOCATIONS.fetch_add(1, SeqCst);
        }
    }
}

// SAFETY: the system's allocator, counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::count();
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Counting::count();
        // SAFETY: passed on.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WINDOWS: usize = 12;
const TIMES: usize = 200;

/// The turns of a loop, which asserts at its end how often one turn allocates.
struct Each {
    what: &'static str,
    allocations: usize,
    turns: usize,
    /// The count when this window began.
    before: usize,
    fewest: usize,
}

/// `for _ in each(1, "…") { … }`: one turn of the loop allocates once.
fn each(allocations: usize, what: &'static str) -> Each {
    Each { what, allocations, turns: 0, before: 0, fewest: usize::MAX }
}

impl Iterator for Each {
    type Item = ();

    fn next(&mut self) -> Option<()> {
        let count = ALLOCATIONS.load(SeqCst);
        if self.turns % TIMES == 0 {
            if self.turns > 0 {
                self.fewest = self.fewest.min(count - self.before);
            }
            self.before = count;
        }
        self.turns += 1;
        (self.turns <= WINDOWS * TIMES).then_some(()).or_else(|| self.check())
    }
}

impl Each {
    fn check(&self) -> Option<()> {
        let (found, what) = (self.fewest, self.what);
        let expected = self.allocations * TIMES;
        let runtime = Handle::current().info();
        assert!(
            found == expected,
            "{what}, {TIMES} times: {found} allocations, not {expected}, on {runtime:?}"
        );
        None
    }
}

/// Runs the test in a task, on each kind of runtime.
fn on_each<F: Future<Output = ()> + Send + 'static>(test: fn() -> F) {
    let [one, two] = [1, 2].map(|workers| Builder::new().worker_threads(workers));
    for builder in [Builder::new().current_thread(), one, two] {
        let runtime = builder.on_thread_start(|| WATCHED.set(true)).build().unwrap();
        runtime.block_on(runtime.spawn(test())).unwrap();
    }
}

/// One test, because the count is the process's.
#[test]
fn hot_operations_allocate_nothing_and_a_task_once() {
    WATCHED.set(true);
    on_each(a_task_is_one);
    on_each(a_wake_is_none);
    on_each(a_sleep_is_none);
    on_each(a_source_is_none);
    on_each(a_stream_is_none);
    on_each(a_lookup_is_none);
}

// ── tasks and wakes ─────────────────────────────────────────────────────────────────────────────

/// A future of `N` bytes, ready at its first poll.
struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Future for Bytes<N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        black_box(&self.0);
        Poll::Ready(())
    }
}

async fn a_task_is_one() {
    for _ in each(1, "a task of 16 B") {
        spawn(Bytes([0; 16])).await.unwrap();
    }
    for _ in each(1, "a task of 1 KiB") {
        spawn(Bytes([0; 1024])).await.unwrap();
    }
    for _ in each(1, "a task of 4 KiB") {
        spawn(Bytes([0; 4096])).await.unwrap();
    }
    for _ in each(1, "a detached task") {
        drop(spawn(Bytes([0; 16])));
        yield_now().await;
    }
}

async fn a_wake_is_none() {
    for _ in each(0, "a yield") {
        yield_now().await;
    }

    let here = Arc::new(Gate::default());
    let there = here.clone();
    let other = spawn(async move {
        while there.pass(ASKED).await {
            there.open(ANSWERED);
        }
    });
    for _ in each(0, "a wake by a task") {
        here.open(ASKED);
        here.pass(ANSWERED).await;
    }
    here.open(ENDED);
    other.await.unwrap();

    let here = Arc::new(Gate::default());
    let there = here.clone();
    let other = thread::spawn(move || answer(&there));
    for _ in each(0, "a wake by a thread") {
        here.open(ASKED);
        here.pass(ANSWERED).await;
    }
    here.open(ENDED);
    other.join().unwrap();
}

/// Answers from a plain thread, until the end.
fn answer(gate: &Gate) {
    WATCHED.set(true);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let cx = &mut Context::from_waker(&waker);
    loop {
        match gate.poll_pass(ASKED, cx) {
            Poll::Ready(true) => gate.open(ANSWERED),
            Poll::Ready(false) => return,
            Poll::Pending => thread::park(),
        }
    }
}

/// Two sides that wait for each other's word.
#[derive(Default)]
struct Gate(Mutex<(u8, [Option<Waker>; 2])>);

const ASKED: u8 = 1;
const ANSWERED: u8 = 2;
const ENDED: u8 = 3;

impl Gate {
    /// Says a word, and wakes who waits for one.
    fn open(&self, word: u8) {
        let mut gate = self.0.lock().unwrap();
        gate.0 = word;
        let waker = gate.1[usize::from(word == ANSWERED)].take();
        drop(gate);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for this word, and takes it. `false`: it has ended.
    async fn pass(&self, word: u8) -> bool {
        poll_fn(|cx| self.poll_pass(word, cx)).await
    }

    fn poll_pass(&self, word: u8, cx: &mut Context<'_>) -> Poll<bool> {
        let mut gate = self.0.lock().unwrap();
        if gate.0 == ENDED {
            return Poll::Ready(false);
        }
        if gate.0 == word {
            gate.0 = 0;
            return Poll::Ready(true);
        }
        gate.1[usize::from(word == ANSWERED)] = Some(cx.waker().clone());
        Poll::Pending
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

// ── time ────────────────────────────────────────────────────────────────────────────────────────

async fn a_sleep_is_none() {
    for _ in each(0, "a sleep") {
        sleep(Duration::from_micros(1)).await;
    }
    let hour = Duration::from_secs(3600);
    for _ in each(0, "a sleep that is given up") {
        assert!(once(&mut sleep(hour)).await.is_pending());
    }
    let mut long = sleep(hour);
    for turn in each(0, "a reset").zip(1..) {
        long.reset(long.deadline() + Duration::from_millis(turn.1));
        assert!(once(&mut long).await.is_pending());
    }
    for _ in each(0, "a timeout") {
        timeout(hour, yield_now()).await.unwrap();
    }
}

/// Polls once.
async fn once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

// ── sources and sockets ─────────────────────────────────────────────────────────────────────────

async fn a_source_is_none() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let ours = Async::new(ours).unwrap();
    for _ in each(0, "a wait for readability") {
        let mut readable = pin!(ours.readable());
        assert!(once(&mut readable).await.is_pending());
        (&theirs).write_all(b"x").unwrap();
        readable.await.unwrap();
        assert_eq!(ours.get_ref().read(&mut [0; 8]).unwrap(), 1);
    }
    for _ in each(0, "a read that waits") {
        let mut read = pin!(ours.read_with(|mut ours| ours.read(&mut [0; 8])));
        assert!(once(&mut read).await.is_pending());
        (&theirs).write_all(b"x").unwrap();
        assert_eq!(read.await.unwrap(), 1);
    }
    for _ in each(0, "no wait") {
        ours.writable().await.unwrap();
    }
    let mut bulk = vec![0; 1 << 16];
    for _ in each(0, "a wait for room") {
        while ours.get_ref().write(&bulk).is_ok() {}
        let mut writable = pin!(ours.writable());
        assert!(once(&mut writable).await.is_pending());
        while (&theirs).read(&mut bulk).is_ok() {}
        writable.await.unwrap();
    }
}

async fn a_stream_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    for _ in each(0, "a write, and a read that waits") {
        let mut buf = [0; 8];
        let mut read = pin!(accepted.read(&mut buf));
        assert!(once(&mut read).await.is_pending());
        assert_eq!(connected.write(b"x").await.unwrap(), 1);
        assert_eq!(read.await.unwrap(), 1);
    }
    for _ in each(0, "a write, a wait, and a read") {
        connected.write_all(b"x").await.unwrap();
        accepted.readable().await.unwrap();
        accepted.read_exact(&mut [0; 1]).await.unwrap();
    }
}

async fn a_lookup_is_none() {
    for _ in each(0, "a look-up of the current runtime") {
        drop(black_box(Handle::current()));
    }
    for _ in each(0, "a look at its clock") {
        black_box(Instant::now());
    }
}
