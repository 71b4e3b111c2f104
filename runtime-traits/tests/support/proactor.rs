//! A driver that completes operations and knows no readiness.
//!
//! It runs each operation on a thread of its own and is as unpleasant as the contract allows: results
//! come out of order and late (also after whoever asked is gone), reads and writes are short, and
//! while it owns a buffer it scribbles over the spare bytes and checks that nobody else does. Under
//! AddressSanitizer the scribbling finds buffers that were freed too early.
#![allow(unreachable_pub, reason = "shared by test binaries")]

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use runtime_traits::hooks::{Completion, Done, IoBuf, Op, OpId, Source, Token};
use runtime_traits::{Gone, io};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::toy::Part;

/// What the spare bytes of a buffer hold while the driver owns it.
const CANARY: u8 = 0xA5;

/// A driver whose operations are threads.
pub struct Proactor(pub Arc<Shared>);

pub struct Shared {
    table: Mutex<Table>,
    /// An operation's thread has ended.
    thread_ended: Condvar,
    random: AtomicU64,
    /// Buffers that somebody else wrote to while the driver owned them.
    violations: AtomicUsize,
    /// Operations that ended with nobody to ask for them.
    pub abandoned: AtomicUsize,
}

#[derive(Default)]
struct Table {
    next: u64,
    sources: HashMap<u64, Source>,
    ops: HashMap<u64, Flight>,
    threads: usize,
    ended: bool,
}

/// An operation, as the front end sees it.
struct Flight {
    /// A byte here ends the thread's wait.
    cancel: UnixStream,
    waker: Option<Waker>,
    done: Option<Done>,
    abandoned: bool,
}

impl Proactor {
    pub fn new(seed: u64) -> Proactor {
        Proactor(Arc::new(Shared {
            table: Mutex::default(),
            thread_ended: Condvar::new(),
            random: AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            violations: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
        }))
    }

    /// Ends the runtime: cancels what is in flight and waits until the last buffer is back.
    pub fn end(&self) {
        let mut table = self.0.table.lock().unwrap();
        table.ended = true;
        for flight in table.ops.values() {
            // Full means that it was cancelled already.
            let _ = (&flight.cancel).write(&[1]);
        }
        while table.threads > 0 {
            table = self.0.thread_ended.wait(table).unwrap();
        }
    }

    /// Ends the runtime, and says whether it was treated well.
    pub fn check(&self) {
        self.end();
        assert_eq!(self.0.violations.load(Ordering::SeqCst), 0, "somebody wrote to a lent buffer");
        let table = self.0.table.lock().unwrap();
        assert!(table.ops.is_empty(), "{} results were never asked for", table.ops.len());
        assert!(table.sources.is_empty(), "{} sources are left", table.sources.len());
    }

    pub fn in_flight(&self) -> usize {
        self.0.table.lock().unwrap().ops.len()
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

    /// The thread of one operation.
    fn run(&self, id: u64, op: Op, source: &Source, cancelled: &UnixStream) {
        let done = self.perform(op, source, cancelled);
        // Late and out of order.
        for _ in 0..self.random(5) {
            std::thread::yield_now();
        }
        let mut unwanted = Some(done);
        let mut table = self.table.lock().unwrap();
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

    fn perform(&self, op: Op, source: &Source, cancelled: &UnixStream) -> Done {
        let socket = socket2::SockRef::from(&**source);
        match op {
            Op::Read { mut buf, .. } => {
                let room = self.scribble(&mut buf);
                let mut bytes = vec![0; room.min(1 + self.random(20_000) as usize)];
                let res =
                    until_done(source, PollFlags::IN, cancelled, || (&*socket).read(&mut bytes));
                self.check_canaries(&mut buf);
                Done::new(res.map(|n| append(&mut buf, &bytes[..n]))).with_buf(buf)
            }
            Op::Write { mut buf, .. } => {
                self.scribble(&mut buf);
                let before = buf.filled().to_vec();
                let some = &before[..(1 + self.random(20_000) as usize).min(before.len())];
                let res = until_done(source, PollFlags::OUT, cancelled, || socket.send(some));
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
        if spare.iter().any(|byte| *byte != CANARY) {
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

// SAFETY: C1, C2: a buffer is owned by the operation's thread from `submit` until it is put into
// `Flight::done` or dropped by that thread; `end` waits for the threads. C3: `append`.
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
        let (cancel, cancelled) = UnixStream::pair().unwrap();
        cancel.set_nonblocking(true).unwrap();
        let mut table = self.0.table.lock().unwrap();
        if table.ended {
            return Err((op, Gone.into()));
        }
        let source = table.sources[&token.0].clone();
        table.next += 1;
        let id = table.next;
        let flight = Flight { cancel, waker: None, done: None, abandoned: false };
        table.ops.insert(id, flight);
        table.threads += 1;
        drop(table);
        let shared = self.0.clone();
        std::thread::spawn(move || {
            shared.run(id, op, &source, &cancelled);
            drop(source);
            shared.table.lock().unwrap().threads -= 1;
            shared.thread_ended.notify_all();
        });
        Ok(OpId(id))
    }

    fn poll_done(&self, id: OpId, cx: &mut Context<'_>) -> Poll<Done> {
        let mut table = self.0.table.lock().unwrap();
        let flight = table.ops.get_mut(&id.0).expect("in flight, or done and not yet asked for");
        match flight.done.take() {
            Some(done) => {
                table.ops.remove(&id.0);
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
        let table = self.0.table.lock().unwrap();
        let _ = (&table.ops[&id.0].cancel).write(&[1]);
    }

    fn abandon(&self, id: OpId) {
        let mut table = self.0.table.lock().unwrap();
        let flight = table.ops.get_mut(&id.0).expect("in flight, or done and not yet asked for");
        flight.abandoned = true;
        let waker = flight.waker.take();
        let done = flight.done.take();
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

impl Part for Proactor {
    fn name(&self) -> &'static str {
        "proactor"
    }
    fn completion(&self) -> Option<&dyn Completion> {
        Some(self)
    }
}
