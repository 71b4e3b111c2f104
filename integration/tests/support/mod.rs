//! The runtimes under test, a watchdog, and tools that make order without a clock.
//!
//! Each runtime is a module with two ways to start it: `entry`, as an attribute does, and `start`,
//! which gives its owner. The macros below write one test for each.
#![allow(dead_code, unreachable_pub, reason = "each test program uses some of it")]

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_traits::Handle;
use runtime_traits::net::{TcpListener, TcpStream};

// ── runtimes ────────────────────────────────────────────────────────────────────────────────────

/// Starts a runtime.
pub type Start = fn() -> Owner;

/// Whoever ends a runtime: by being dropped, or by one of the methods.
pub enum Owner {
    Default(runtime_default::Runtime),
    Tokio(runtime_tokio::Runtime),
    Smol(runtime_smol::Runtime),
}

macro_rules! each {
    ($owner:expr, $rt:ident => $call:expr) => {
        match $owner {
            Owner::Default($rt) => $call,
            Owner::Tokio($rt) => $call,
            Owner::Smol($rt) => $call,
        }
    };
}

impl Owner {
    pub fn handle(&self) -> Handle {
        each!(self, rt => rt.handle().clone())
    }

    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        each!(self, rt => rt.block_on(future))
    }

    pub fn shutdown_timeout(self, limit: Duration) {
        each!(self, rt => {
            rt.shutdown_timeout(limit);
        });
    }

    pub fn shutdown_background(self) {
        each!(self, rt => rt.shutdown_background());
    }
}

macro_rules! runtime {
    ($name:ident, $krate:ident, $owner:ident, $($setting:ident($($n:literal)?)),*) => {
        pub mod $name {
            use super::*;

            /// As the runtime's own attribute starts it.
            #[track_caller]
            pub fn entry<F: Future>(
                configure: impl FnOnce(&mut runtime_traits::entry::Config),
                main: F,
            ) -> F::Output {
                watched(stringify!($name), || {
                    $krate::entry(|config| { config$(.$setting($($n)?))*; configure(config) }, main)
                })
            }

            pub fn start() -> Owner {
                Owner::$owner($krate::Builder::new()$(.$setting($($n)?))*.build().unwrap())
            }
        }
    };
}

runtime!(default_many, runtime_default, Default, worker_threads(2));
runtime!(default_one, runtime_default, Default, current_thread());
runtime!(tokio_many, runtime_tokio, Tokio, worker_threads(2));
runtime!(tokio_one, runtime_tokio, Tokio, current_thread());
runtime!(smol_many, runtime_smol, Smol, worker_threads(2));
runtime!(smol_one, runtime_smol, Smol, current_thread());

/// Those with threads of their own.
pub const MANY: &[Start] = &[default_many::start, tokio_many::start, smol_many::start];

/// Makes each `async fn` a test on every runtime.
macro_rules! on_every_runtime {
    ($($(#[$attr:meta])* async fn $name:ident() $body:block)*) => {$(
        $(#[$attr])*
        #[runtime_traits::test(runtimes(
            $crate::support::default_many,
            $crate::support::default_one,
            $crate::support::tokio_many,
            $crate::support::tokio_one,
            $crate::support::smol_many,
            $crate::support::smol_one,
        ))]
        async fn $name() $body
    )*};
}

/// Makes each `fn(Start)` a test on every runtime; the test owns the runtime.
macro_rules! with_every_runtime {
    ($($(#[$attr:meta])* fn $name:ident($start:ident: Start) $body:block)*) => {$(
        $(#[$attr])*
        fn $name($start: $crate::support::Start) $body

        mod $name {
            crate::support::with_every_runtime!(@ $name
                default_many default_one tokio_many tokio_one smol_many smol_one);
        }
    )*};
    (@ $test:ident $($name:ident)*) => {$(
        #[test]
        fn $name() {
            $crate::support::watched(stringify!($name), || {
                super::$test($crate::support::$name::start)
            });
        }
    )*};
}

#[allow(unused_imports, reason = "each test program uses some of it")]
pub(crate) use {on_every_runtime, with_every_runtime};

// ── the watchdog ────────────────────────────────────────────────────────────────────────────────

/// What no test takes, on any machine: whoever does, hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// Calls `test`; if it hangs, says so and ends the process.
#[track_caller]
pub fn watched<R>(runtime: &str, test: impl FnOnce() -> R) -> R {
    let place = Location::caller();
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let text = format!("\n{name} hangs on {runtime}: {place}; the process is ended\n");
    let (over, ended) = channel::<()>();
    let watchdog = thread::Builder::new().name("watchdog".into()).spawn(move || {
        if ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            // Not by a macro: what those print is kept back by the test harness.
            let _ = std::io::stderr().write_all(text.as_bytes());
            std::process::abort();
        }
    });
    let _watchdog = watchdog.unwrap();
    let result = test();
    drop(over); // dropped by a panic too
    result
}

// ── order ───────────────────────────────────────────────────────────────────────────────────────

/// A door that opens once, for tasks and threads.
#[derive(Clone, Default)]
pub struct Gate(Arc<Door>);

#[derive(Default)]
struct Door {
    /// Whether it is open, and who waits for it.
    state: Mutex<(bool, Vec<Waker>)>,
    opened: Condvar,
}

impl Gate {
    pub fn open(&self) {
        let mut state = self.0.state.lock().unwrap();
        state.0 = true;
        let wakers = std::mem::take(&mut state.1);
        drop(state);
        self.0.opened.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Blocks this thread.
    pub fn pass(&self) {
        drop(self.0.opened.wait_while(self.0.state.lock().unwrap(), |state| !state.0).unwrap());
    }

    pub async fn wait(&self) {
        poll_fn(|cx| {
            let mut state = self.0.state.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Awaits `future`, and opens `gate` when a poll of it has answered *pending*: it waits then.
pub async fn announced<F: Future>(gate: Gate, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            gate.open();
        }
        polled
    })
    .await
}

/// Polls once, with the task's own waker.
pub async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Wakes a thread that waits for it.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// Runs a future without any runtime.
pub fn alone<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let silent = |rung: &mut bool| !*rung;
        *bell.changed.wait_while(bell.rung.lock().unwrap(), silent).unwrap() = false;
    }
}

/// Starts `future` on a thread of its own, without a runtime; comes back when it waits.
pub fn waiting<F>(future: F) -> thread::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let gate = Gate::default();
    let waits = gate.clone();
    let thread = thread::spawn(move || alone(announced(waits, future)));
    gate.pass();
    thread
}

// ── counting ────────────────────────────────────────────────────────────────────────────────────

/// Counts destructors.
#[derive(Clone, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Something whose destructor is counted.
    pub fn probe(&self) -> Probe {
        Probe(self.clone())
    }
}

pub struct Probe(Drops);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A sequence of numbers that is the same for the same seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 1 to `most`.
    pub fn up_to(&mut self, most: usize) -> usize {
        1 + (self.next() % most as u64) as usize
    }
}

// ── panics ──────────────────────────────────────────────────────────────────────────────────────

/// Text and place of the panic that `f` ends with.
#[track_caller]
pub fn panic_of<R>(f: impl FnOnce() -> R) -> (String, String) {
    thread_local! {
        static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if let Some(place) = info.location() {
                PLACE.with(|last| *last.borrow_mut() = place.file().to_owned());
            }
            former(info);
        }));
    });
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("no panic"),
        Err(payload) => (text(&*payload), PLACE.with(|last| last.borrow().clone())),
    }
}

/// The text of a panic.
pub fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string())).expect("a text")
}

// ── sockets ─────────────────────────────────────────────────────────────────────────────────────

/// Two ends of a connection, both on the current runtime.
pub async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (theirs, from) = listener.accept().await.unwrap();
    assert_eq!(from, ours.local_addr().unwrap());
    (ours, theirs)
}

/// Our end, on the current runtime, and a peer that blocks.
pub async fn with_peer() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (ours, listener.accept().unwrap().0)
}

/// Makes the next close of the peer's end a reset.
pub fn reset(peer: std::net::TcpStream) {
    rustix::net::sockopt::set_socket_linger(&peer, Some(Duration::ZERO)).unwrap();
    drop(peer);
}
