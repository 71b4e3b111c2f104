//! A driver that completes operations and knows no readiness: for tests.
//!
//! Each operation in flight has a thread, and the driver is as unpleasant as the contract allows:
//! results come out of order and late (also after whoever asked is gone), reads and writes are short,
//! and while it owns a buffer it scribbles over the spare bytes and checks that nobody else does. Under
//! AddressSanitizer the scribbling finds buffers that were freed too early.
//!
//! ```text
//!  submit ──▶ a thread: call, poll(2) until it does not block ──▶ Flight::done ──▶ poll_done
//!                 ▲                                          └──▶ dropped, if abandoned
//!  cancel, abandon┘ a byte ends the wait                  end: a byte for all, waits for the threads
//! ```
//!
//! Those who drive sockets over it are the tests of `runtime-traits`, and the suite's mutants, whose
//! crate has no unsafe code: implementing [`Completion`] takes some. So what a mutant wants done
//! wrong is done here, as a [`Fault`], by safe code.
//!
//! # Invariants
//!
//! - **P1** From `submit` until it is put into `Flight::done` or dropped, a buffer is owned by the
//!   operation's thread, which alone touches it (C1, C2).
//! - **P2** Bytes are counted as read only by `append`, which has just written them (C3).
//!
//! Both hold with any fault: what a fault lends twice is a block of the driver's own, behind a lock.
#![cfg(unix)]

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use runtime_hooks::Gone;
use runtime_hooks::hooks::{Completion, Done, IoBuf, Op, OpId, Source, Token};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// What the spare bytes of a buffer hold while the driver owns it.
const CANARY: u8 = 0xA5;

/// No write ends the process; Apple has an option of the socket for it.
#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: i32 = rustix::net::SendFlags::NOSIGNAL.bits() as i32;
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: i32 = 0;

/// What a driver does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Reads go to blocks of the driver's, from which the result is copied when it is asked for. The
    /// block of a read that nobody will ask for is lent to the next one at once, also while it is
    /// still being filled.
    LendsTwice,
    /// A result that is there when the cancel comes is thrown away, with what was read.
    LosesCancelled,
    /// What is in flight at the end comes back with an error and without its buffer.
    KeepsAtEnd,
}

/// A driver whose operations have a thread each. Clones are the same driver.
#[derive(Clone)]
pub struct Proactor(Arc<Shared>);

/// Memory of the driver's own, for [`Fault::LendsTwice`].
type Block = Arc<Mutex<Vec<u8>>>;

struct Shared {
    table: Mutex<Table>,
    /// An operation's thread has ended.
    thread_ended: Condvar,
    random: AtomicU64,
    /// Buffers that somebody else wrote to while the driver owned them.
    violations: AtomicUsize,
    /// Operations that ended with nobody to ask for them.
    abandoned: AtomicUsize,
    /// What is done wrong, and whom to tell when it is.
    fault: Option<(Fault, fn())>,
}

#[derive(Default)]
struct Table {
    next: u64,
    sources: HashMap<u64, Source>,
    ops: HashMap<u64, Flight>,
    /// Blocks that nobody reads into, as the driver thinks.
    blocks: Vec<Block>,
    threads: usize,
    /// How to reach those that have nothing to do. `None` ends them.
    idle: Vec<Sender<Option<Job>>>,
    ended: bool,
}

/// What a thread needs for an operation.
struct Job {
    id: u64,
    op: Op,
    block: Option<Block>,
    source: Source,
    cancelled: UnixStream,
}

/// An operation, as the front end sees it.
struct Flight {
    /// A byte here ends the thread's wait.
    cancel: UnixStream,
    reads: bool,
    waker: Option<Waker>,
    done: Option<Done>,
    /// Where the bytes of `done` are, if not in its buffer.
    block: Option<Block>,
    abandoned: bool,
}

impl Proactor {
    /// A driver whose choices come from `seed`.
    pub fn new(seed: u64) -> Proactor {
        Proactor::make(seed, None)
    }

    /// One that does something wrong, and calls `told` whenever it does.
    pub fn with_fault(seed: u64, fault: Fault, told: fn()) -> Proactor {
        Proactor::make(seed, Some((fault, told)))
    }

    fn make(seed: u64, fault: Option<(Fault, fn())>) -> Proactor {
        Proactor(Arc::new(Shared {
            table: Mutex::default(),
            thread_ended: Condvar::new(),
            random: AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            violations: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            fault,
        }))
    }

    /// Ends the runtime: cancels what is in flight and waits until the last buffer is back.
    pub fn end(&self) {
        let mut table = self.0.table.lock().unwrap();
        table.ended = true;
        table.idle.drain(..).for_each(|thread| _ = thread.send(None));
        for flight in table.ops.values() {
            // Full means that it was cancelled already.
            let _ = (&flight.cancel).write(&[1]);
        }
        while table.threads > 0 {
            table = self.0.thread_ended.wait(table).unwrap();
        }
    }

    /// Ends the runtime, and says whether it was treated well.
    ///
    /// # Panics
    ///
    /// If it was not.
    pub fn check(&self) {
        self.end();
        assert_eq!(self.0.violations.load(Ordering::SeqCst), 0, "somebody wrote to a lent buffer");
        let table = self.0.table.lock().unwrap();
        assert!(table.ops.is_empty(), "{} results were never asked for", table.ops.len());
        assert!(table.sources.is_empty(), "{} sources are left", table.sources.len());
    }

    /// How many operations have a result that was not asked for, or will have one.
    pub fn in_flight(&self) -> usize {
        self.0.table.lock().unwrap().ops.len()
    }

    /// How many operations ended with nobody to ask for them.
    pub fn abandoned(&self) -> usize {
        self.0.abandoned.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// A number below `end`.
    fn random(&self, end: u64) -> u64 {
        let step = |x: u64| {
            let x = x ^ (x << 13);
            let x = x ^ (x >> 7);
            Some(x ^ (x << 17))
        };
        self.random.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap() % end
    }

    /// Whether it does this wrong.
    fn has(&self, fault: Fault) -> bool {
        self.fault.is_some_and(|(has, _)| has == fault)
    }

    /// It just did.
    fn tell(&self) {
        self.fault.iter().for_each(|(_, told)| told());
    }

    /// Gives a job to a thread that has none, or to a new one.
    fn hand(self: &Arc<Self>, table: &mut Table, job: Job) {
        if let Some(thread) = table.idle.pop() {
            return thread.send(Some(job)).expect("a thread that is idle listens");
        }
        table.threads += 1;
        let shared = self.clone();
        std::thread::spawn(move || shared.work(job));
    }

    /// A thread: one job after the other, until the end.
    fn work(self: Arc<Self>, first: Job) {
        let (me, jobs) = channel();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            self.run(job);
            let mut table = self.table.lock().unwrap();
            if !table.ended {
                table.idle.push(me.clone());
                drop(table);
                next = jobs.recv().expect("we have a sender ourselves");
            }
        }
        self.table.lock().unwrap().threads -= 1;
        self.thread_ended.notify_all();
    }

    /// What a thread does for one operation.
    fn run(&self, Job { id, op, block, source, cancelled }: Job) {
        let mut done = self.perform(op, block, &source, &cancelled);
        // Late and out of order; one in four only, for on a busy machine giving way takes long.
        for _ in 0..self.random(16).saturating_sub(11) {
            std::thread::yield_now();
        }
        let mut table = self.table.lock().unwrap();
        if self.has(Fault::KeepsAtEnd) && table.ended && done.buf.take().is_some() {
            self.tell();
        }
        let mut unwanted = Some(done);
        let flight = table.ops.get_mut(&id).expect("it is kept until it is done");
        let waker = if flight.abandoned {
            self.abandoned.fetch_add(1, Ordering::SeqCst);
            table.ops.remove(&id).and_then(|flight| flight.waker)
        } else {
            flight.done = unwanted.take();
            flight.waker.take()
        };
        drop(table);
        if let Some(waker) = waker {
            waker.wake();
        }
        drop(unwanted);
    }

    fn perform(
        &self,
        op: Op,
        block: Option<Block>,
        source: &Source,
        cancelled: &UnixStream,
    ) -> Done {
        let socket = socket2::SockRef::from(&**source);
        match op {
            Op::Read { mut buf, .. } => {
                let room = self.scribble(&mut buf);
                let mut bytes = vec![0; room.min(1 + self.random(20_000) as usize)];
                let res =
                    until_done(source, PollFlags::IN, cancelled, || (&*socket).read(&mut bytes));
                self.check_canaries(&mut buf);
                let res = res.map(|n| match &block {
                    Some(block) => fill(block, &bytes[..n]),
                    None => append(&mut buf, &bytes[..n]),
                });
                Done::new(res).with_buf(buf)
            }
            Op::Write { mut buf, .. } => {
                self.scribble(&mut buf);
                let before = buf.filled().to_vec();
                let some = &before[..(1 + self.random(20_000) as usize).min(before.len())];
                let res = until_done(source, PollFlags::OUT, cancelled, || {
                    socket.send_with_flags(some, SEND_FLAGS)
                });
                self.check_canaries(&mut buf);
                if buf.filled() != before {
                    self.violations.fetch_add(1, Ordering::SeqCst);
                }
                Done::new(res.map(|n| n as u32)).with_buf(buf)
            }
            Op::Connect { to, .. } => {
                let _ = socket.connect(&to.into());
                let connected = || match socket.take_error()? {
                    Some(error) => Err(error),
                    None if socket.peer_addr().is_ok() => Ok(0),
                    None => Err(io::ErrorKind::WouldBlock.into()),
                };
                Done::new(until_done(source, PollFlags::OUT, cancelled, connected))
            }
            Op::Accept { .. } => {
                let accept = || socket.accept().map(|(accepted, _)| accepted);
                match until_done(source, PollFlags::IN, cancelled, accept) {
                    Ok(accepted) => Done::new(Ok(0)).with_accepted(Arc::new(accepted.into())),
                    Err(error) => Done::new(Err(error)),
                }
            }
            _ => Done::new(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Fills the spare bytes with canaries; answers how many there are.
    fn scribble(&self, buf: &mut IoBuf) -> usize {
        let (start, room) = buf.spare();
        // SAFETY: the spare capacity is ours to write while we own the buffer.
        unsafe { start.write_bytes(CANARY, room) };
        room
    }

    fn check_canaries(&self, buf: &mut IoBuf) {
        let (start, room) = buf.spare();
        // SAFETY: `scribble` initialised all of it, and we have owned the buffer since.
        let spare = unsafe { std::slice::from_raw_parts(start, room) };
        if spare != vec![CANARY; room] {
            self.violations.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Puts what was read into the spare bytes.
fn append(buf: &mut IoBuf, bytes: &[u8]) -> u32 {
    let (start, room) = buf.spare();
    assert!(bytes.len() <= room);
    // SAFETY: there is that much room, in a block that is ours alone.
    unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    // SAFETY: just written.
    unsafe { buf.advance(bytes.len()) };
    bytes.len() as u32
}

/// Puts what was read at the beginning of a block, over what is there.
fn fill(block: &Block, bytes: &[u8]) -> u32 {
    let mut block = block.lock().unwrap();
    if block.len() < bytes.len() {
        block.resize(bytes.len(), 0);
    }
    block[..bytes.len()].copy_from_slice(bytes);
    bytes.len() as u32
}

/// Puts what was read into a block where it belongs.
fn fetch(done: &mut Done, block: &Block) {
    if let (Ok(n), Some(buf)) = (&done.res, &mut done.buf) {
        append(buf, &block.lock().unwrap()[..*n as usize]);
    }
}

/// Makes of what was read nothing: the buffer is as it was.
fn lose(done: &mut Done) {
    let res = std::mem::replace(&mut done.res, Err(Errno::CANCELED.into()));
    if let (Ok(n), Some(buf)) = (res, done.buf.take()) {
        let mut bytes = buf.into_vec();
        bytes.truncate(bytes.len() - n as usize);
        done.buf = Some(IoBuf::from(bytes));
    }
}

/// What ends a wait, and what waits for it.
fn cancel_pair() -> io::Result<(UnixStream, UnixStream)> {
    let (cancel, cancelled) = UnixStream::pair()?;
    cancel.set_nonblocking(true)?;
    Ok((cancel, cancelled))
}

/// Tries until it does not block. What is done when the cancel comes, is done.
fn until_done<R>(
    source: &Source,
    flags: PollFlags,
    cancelled: &UnixStream,
    mut call: impl FnMut() -> io::Result<R>,
) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        let mut fds = [PollFd::new(source, flags), PollFd::new(cancelled, PollFlags::IN)];
        if poll(&mut fds, None).is_ok() && !fds[1].revents().is_empty() {
            return call().map_err(|_| Errno::CANCELED.into());
        }
    }
}

// SAFETY: C1, C2 by P1: nothing else writes to a buffer, and the thread has given it up when it is handed
// out; `end` waits for the threads. C3 by P2: what answers `Ok(n)` for a read has called `append`, here or in
// `fetch`.
unsafe impl Completion for Proactor {
    fn register(&self, source: Source) -> io::Result<Token> {
        let mut table = self.0.table.lock().unwrap();
        table.next += 1;
        let token = table.next;
        table.sources.insert(token, source);
        Ok(Token(token))
    }

    fn deregister(&self, token: Token) {
        let gone = self.0.table.lock().unwrap().sources.remove(&token.0);
        assert!(gone.is_some(), "deregistered once");
    }

    fn submit(&self, op: Op) -> Result<OpId, (Op, io::Error)> {
        let token = match &op {
            Op::Read { io, .. } | Op::Write { io, .. } => io,
            Op::Connect { io, .. } | Op::Accept { io } => io,
            _ => return Err((op, io::ErrorKind::Unsupported.into())),
        };
        let reads = matches!(op, Op::Read { .. });
        let (cancel, cancelled) = match cancel_pair() {
            Ok(pair) => pair,
            Err(error) => return Err((op, error)),
        };
        let mut table = self.0.table.lock().unwrap();
        if table.ended {
            return Err((op, Gone.into()));
        }
        let source = table.sources[&token.0].clone();
        table.next += 1;
        let id = table.next;
        let lends = reads && self.0.has(Fault::LendsTwice);
        let block = lends.then(|| table.blocks.pop().unwrap_or_default());
        let flight = Flight {
            cancel,
            reads,
            waker: None,
            done: None,
            block: block.clone(),
            abandoned: false,
        };
        table.ops.insert(id, flight);
        // Under the lock that the end takes: it waits for this one too, or it is refused.
        self.0.hand(&mut table, Job { id, op, block, source, cancelled });
        Ok(OpId(id))
    }

    fn poll_done(&self, id: OpId, cx: &mut Context<'_>) -> Poll<Done> {
        let mut table = self.0.table.lock().unwrap();
        let flight = table.ops.get_mut(&id.0).expect("in flight, or done and not yet asked for");
        match flight.done.take() {
            Some(mut done) => {
                let block = flight.block.take();
                table.ops.remove(&id.0);
                if let Some(block) = block {
                    fetch(&mut done, &block);
                    table.blocks.push(block);
                }
                Poll::Ready(done)
            }
            None => {
                let old = flight.waker.replace(cx.waker().clone());
                drop(table);
                drop(old);
                Poll::Pending
            }
        }
    }

    fn cancel(&self, id: OpId) {
        let mut table = self.0.table.lock().unwrap();
        let flight = table.ops.get_mut(&id.0).expect("in flight, or done and not yet asked for");
        let _ = (&flight.cancel).write(&[1]);
        if self.0.has(Fault::LosesCancelled) && flight.reads {
            flight.done.iter_mut().filter(|done| done.res.is_ok()).for_each(|done| {
                self.0.tell();
                lose(done);
            });
        }
    }

    fn abandon(&self, id: OpId) {
        let mut table = self.0.table.lock().unwrap();
        let flight = table.ops.get_mut(&id.0).expect("in flight, or done and not yet asked for");
        flight.abandoned = true;
        let waker = flight.waker.take();
        let done = flight.done.take();
        if let Some(block) = flight.block.take() {
            if done.is_none() {
                self.0.tell();
            }
            table.blocks.push(block);
        }
        if done.is_some() {
            table.ops.remove(&id.0);
            self.0.abandoned.fetch_add(1, Ordering::SeqCst);
        } else if self.0.random(2) == 0 {
            // A driver may ask the kernel to hurry; it need not.
            let _ = (&table.ops[&id.0].cancel).write(&[1]);
        }
        drop(table);
        drop((waker, done));
    }
}
