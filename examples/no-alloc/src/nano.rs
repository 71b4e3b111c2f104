//! A runtime in a static, with tables of fixed size.
//!
//! The thread inside `block_on` polls main, runs jobs and sleeps in `poll(2)`, as in
//! `examples/write-a-runtime`, which explains the loop. Two things differ: a static has no end, so
//! there is no shutdown; and what would grow there can be full here.
//!
//! | table | when it is full |
//! |---|---|
//! | tasks | `spawn` panics, `try_spawn` answers a temporary [`Refused`] |
//! | jobs | never: there are as many places as tasks |
//! | deadlines | the sleeper is woken at once and asks again: slow, but right |
//! | pipes | [`Pipes::adopt`] gives the pipe back |
//!
//! A microcontroller would have a critical section for `Mutex` and "wait for interrupt" for `poll`.

use core::any::{Any, TypeId};
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::ptr;
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use core::time::Duration;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use runtime_traits::hooks::{
    BlockOn, Info, Key, Place, Ran, Runnable, Runtime, Spawn, Tag, Timer, Why,
};
use runtime_traits::time::Instant;
use runtime_traits::{Gone, Refused};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use crate::arena::{Arena, BLOCKS};

const DEADLINES: usize = 4;
const PIPES: usize = 2;

/// The runtime.
pub(crate) static NANO: Nano = Nano {
    tag: Tag::new(),
    arena: Arena::new(),
    jobs: Mutex::new(Jobs { ring: [const { None }; BLOCKS], first: 0, len: 0 }),
    deadlines: Mutex::new(Deadlines { entries: [const { None }; DEADLINES], last: 0 }),
    pipes: Pipes([const { Pipe { fd: OnceLock::new(), waker: Mutex::new(None) } }; PIPES]),
    seat: Mutex::new(()),
    main_woken: AtomicBool::new(false),
    listening: AtomicBool::new(false),
    bell: OnceLock::new(),
};

pub(crate) struct Nano {
    tag: Tag,
    arena: Arena,
    jobs: Mutex<Jobs>,
    deadlines: Mutex<Deadlines>,
    pipes: Pipes,
    /// Held by the thread inside `block_on`.
    seat: Mutex<()>,
    main_woken: AtomicBool,
    /// Whether the bell is heard; an eventfd that ends the sleep.
    listening: AtomicBool,
    bell: OnceLock<OwnedFd>,
}

impl Runtime for Nano {
    fn tag(&self) -> &Tag {
        &self.tag
    }

    fn info(&self) -> Info {
        Info::new("nano")
    }

    fn spawner(&self) -> &dyn Spawn {
        self
    }

    fn block_on(&self) -> Option<&dyn BlockOn> {
        Some(self)
    }

    fn timer(&self) -> Option<&dyn Timer> {
        Some(self)
    }

    fn query(&self, id: TypeId) -> Option<&dyn Any> {
        (id == TypeId::of::<Pipes>()).then_some(&self.pipes)
    }
}

// ── tasks ───────────────────────────────────────────────────────────────────────────────────

/// A queue with a place for each task, of which a job is one.
struct Jobs {
    ring: [Option<Runnable>; BLOCKS],
    first: usize,
    len: usize,
}

impl Jobs {
    fn push(&mut self, job: Runnable) {
        self.ring[(self.first + self.len) % BLOCKS] = Some(job);
        self.len += 1;
    }

    fn pop(&mut self) -> Option<Runnable> {
        let job = self.ring[self.first].take()?;
        self.first = (self.first + 1) % BLOCKS;
        self.len -= 1;
        Some(job)
    }
}

impl Spawn for Nano {
    fn schedule(&self, job: Runnable, _: Why) {
        lock(&self.jobs).push(job);
        self.ring();
    }

    fn place(&self) -> Option<&dyn Place> {
        Some(&self.arena)
    }
}

impl BlockOn for Nano {
    fn block_on(&self, main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        let _seat = match self.seat.try_lock() {
            Ok(seat) => seat,
            Err(TryLockError::Poisoned(seat)) => seat.into_inner(), // main panicked, nano is well
            Err(TryLockError::WouldBlock) => return Err(Refused::NOT_HERE),
        };
        let bell = self.bell.get_or_init(|| {
            eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).expect("a descriptor")
        });
        self.drive(bell, main);
        Ok(())
    }
}

impl Nano {
    fn drive(&self, bell: &OwnedFd, mut main: Pin<&mut dyn Future<Output = ()>>) {
        let waker = main_waker();
        let mut cx = Context::from_waker(&waker);
        self.main_woken.store(true, SeqCst);
        loop {
            if self.main_woken.swap(false, SeqCst) && main.as_mut().poll(&mut cx).is_ready() {
                return;
            }
            self.run_jobs();
            // First say that we sleep, then look whether we may: a wake in between rings.
            self.listening.store(true, SeqCst);
            let idle = lock(&self.jobs).len == 0 && !self.main_woken.load(SeqCst);
            let delay = if idle { self.next_delay() } else { Some(Duration::ZERO) };
            self.sleep(bell, delay);
            self.wake_due();
        }
    }

    fn run_jobs(&self) {
        let count = lock(&self.jobs).len;
        for _ in 0..count {
            let Some(job) = lock(&self.jobs).pop() else { return };
            if let Ran::Yielded(job) = job.run() {
                self.schedule(job, Why::Woken);
            }
        }
    }

    fn ring(&self) {
        let Some(bell) = self.bell.get() else { return };
        if self.listening.swap(false, SeqCst) {
            let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
        }
    }

    /// Sleeps until the bell, a pipe or the time; wakes who waits for a pipe.
    fn sleep(&self, bell: &OwnedFd, delay: Option<Duration>) {
        // The bell comes first, and stands in for pipes that nobody waits for.
        let mut fds: [_; PIPES + 1] = core::array::from_fn(|i| {
            let pipe = i.checked_sub(1).and_then(|i| self.pipes.0[i].waited());
            PollFd::new(pipe.unwrap_or(bell), PollFlags::IN)
        });
        let time = delay.and_then(|delay| Timespec::try_from(delay).ok());
        let _ = poll(&mut fds, time.as_ref());
        self.listening.store(false, SeqCst);
        let _ = rustix::io::read(bell, &mut [0; 8]);
        for (pipe, fd) in self.pipes.0.iter().zip(&fds[1..]) {
            if !fd.revents().is_empty() {
                let waker = lock(&pipe.waker).take();
                waker.into_iter().for_each(Waker::wake); // a wake too many does no harm
            }
        }
    }
}

/// Wakes main. There is one nano, so the waker needs no data, and no reference count.
fn main_waker() -> Waker {
    const MAIN: RawWaker = RawWaker::new(ptr::null(), &VTABLE);
    static VTABLE: RawWakerVTable = RawWakerVTable::new(|_| MAIN, |_| wake(), |_| wake(), |_| {});
    fn wake() {
        NANO.main_woken.store(true, SeqCst);
        NANO.ring();
    }
    // SAFETY: all four functions ignore the pointer and may be called from any thread.
    unsafe { Waker::from_raw(MAIN) }
}

// ── time ────────────────────────────────────────────────────────────────────────────────────

struct Deadlines {
    entries: [Option<Deadline>; DEADLINES],
    last: u64,
}

struct Deadline {
    key: u64,
    at: Instant,
    waker: Waker,
}

impl Timer for Nano {
    fn now(&self) -> Instant {
        let now = clock_gettime(ClockId::Monotonic);
        Instant::from_nanos(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
    }

    fn poll_until(
        &self,
        key: &mut Key,
        at: Instant,
        _slack: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        self.forget(key);
        if self.now() >= at {
            return Poll::Ready(Ok(()));
        }
        let waker = cx.waker().clone();
        match lock(&self.deadlines).insert(at, waker) {
            Ok(number) => *key = Key::from_raw(number),
            Err(waker) => waker.wake(),
        }
        self.ring(); // the loop may be asleep until a later one
        Poll::Pending
    }

    fn forget(&self, key: &mut Key) {
        let number = key.take().raw();
        let forgotten = lock(&self.deadlines).take_if(|entry| entry.key == number);
        drop(forgotten);
    }
}

impl Deadlines {
    fn insert(&mut self, at: Instant, waker: Waker) -> Result<u64, Waker> {
        let Some(free) = self.entries.iter_mut().find(|entry| entry.is_none()) else {
            return Err(waker);
        };
        self.last += 1;
        *free = Some(Deadline { key: self.last, at, waker });
        Ok(self.last)
    }

    fn take_if(&mut self, is_it: impl Fn(&Deadline) -> bool) -> Option<Deadline> {
        let mut entries = self.entries.iter_mut();
        entries.find(|entry| entry.as_ref().is_some_and(&is_it))?.take()
    }
}

impl Nano {
    fn next_delay(&self) -> Option<Duration> {
        let deadlines = lock(&self.deadlines);
        let first = deadlines.entries.iter().flatten().map(|entry| entry.at).min()?;
        Some(first - self.now())
    }

    fn wake_due(&self) {
        let now = self.now();
        let next = || lock(&self.deadlines).take_if(|entry| entry.at <= now);
        while let Some(due) = next() {
            due.waker.wake(); // one by one: there is no list to collect them in
        }
    }
}

// ── readiness, as an extra of this runtime's own ────────────────────────────────────────────

/// Pipes that nano watches: `Handle::query::<Pipes>()`.
///
/// The portable way is the `Reactor` hook, which speaks of `std::io` and `Arc` and so needs the *std*
/// profile. An extra can have any form; this one keeps what it is given for ever, as nano has no end.
pub(crate) struct Pipes([Pipe; PIPES]);

struct Pipe {
    fd: OnceLock<OwnedFd>,
    waker: Mutex<Option<Waker>>,
}

impl Pipes {
    /// Takes over the reading end of a non-blocking pipe, and answers its number.
    pub(crate) fn adopt(&self, mut fd: OwnedFd) -> Result<usize, OwnedFd> {
        for (number, pipe) in self.0.iter().enumerate() {
            match pipe.fd.set(fd) {
                Ok(()) => return Ok(number),
                Err(back) => fd = back,
            }
        }
        Err(fd)
    }

    /// Reads when there is something to read.
    pub(crate) async fn read(&self, number: usize, bytes: &mut [u8]) -> rustix::io::Result<usize> {
        let pipe = &self.0[number];
        let fd = pipe.fd.get().ok_or(Errno::BADF)?;
        poll_fn(|cx| match rustix::io::read(fd, &mut *bytes) {
            Err(Errno::AGAIN) => {
                let waker = cx.waker().clone();
                let replaced = lock(&pipe.waker).replace(waker);
                drop(replaced);
                NANO.ring(); // the loop may be asleep over the others
                Poll::Pending
            }
            done => Poll::Ready(done),
        })
        .await
    }
}

impl Pipe {
    /// The descriptor, if somebody waits for it.
    fn waited(&self) -> Option<&OwnedFd> {
        lock(&self.waker).as_ref().and(self.fd.get())
    }
}

/// Locks; nothing here panics with a lock held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
