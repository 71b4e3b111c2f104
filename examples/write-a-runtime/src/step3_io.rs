//! Step 3: sources, and the one place where the thread sleeps.
//!
//! A turn is one `poll(2)` over all sources that somebody waits for. It asks about their *present*
//! state: what became ready between "would block" and the sleep is reported at once (P4).
//!
//! [`Bell`] is a socket to ourselves, polled with the others, so that other threads end the sleep.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_traits::Gone;
use runtime_traits::hooks::{After, Dir, Reactor, Source, Timer, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{Shared, State, wake_all};

/// A source that somebody registered.
pub(crate) struct Watched {
    source: Source,
    /// For each direction the latest waker; several waiters are the socket's business.
    pub(crate) wakers: [Option<Waker>; 2],
}

impl Reactor for Shared {
    fn register(&self, source: Source) -> io::Result<Token> {
        let mut state = self.lock();
        if state.closed {
            return Err(Gone.into());
        }
        state.last += 1;
        let token = state.last;
        state.sources.insert(token, Watched { source, wakers: [None, None] });
        Ok(Token(token))
    }

    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        if self.lock().closed {
            return Poll::Ready(Err(Gone.into()));
        }
        loop {
            match op() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return Poll::Ready(done.map(|_| ())),
            }
        }
        let waker = cx.waker().clone(); // foreign code: before the lock (P2)
        let replaced = match self.lock().sources.get_mut(&token.0) {
            Some(watched) => watched.wakers[dir.index()].replace(waker),
            None => return Poll::Ready(Err(Gone.into())), // the end came during `op`
        };
        drop(replaced); // foreign code: after the lock
        self.bell.ring(); // the loop may be asleep over the others
        Poll::Pending
    }

    fn deregister(&self, token: Token) {
        let removed = self.lock().sources.remove(&token.0);
        drop(removed); // foreign code: after the lock
        self.bell.ring(); // a sleep over it gives it back
    }
}

impl Shared {
    /// Sleeps until a bell, a deadline or a source, or not at all unless `idle`; then wakes.
    pub(crate) fn turn(&self, idle: bool) {
        let (delay, waited) = {
            let state = self.lock();
            (state.next_delay(self.now()), state.waited())
        };
        let delay = if idle { delay } else { Some(Duration::ZERO) };
        let events = self.bell.sleep(&waited, delay);
        let (due, ready) = {
            let mut state = self.lock();
            (state.take_due(self.now()), state.take_ready(&waited, &events))
        };
        wake_all(due.into_iter().chain(ready));
    }
}

/// A token, its source (shared, so nobody closes it during the sleep) and what to wait for.
type Waited = (u64, Source, PollFlags);

impl State {
    /// What somebody waits for.
    fn waited(&self) -> Vec<Waited> {
        let waited =
            self.sources.iter().map(|(token, Watched { source, wakers: [read, write] })| {
                let mut flags = PollFlags::empty();
                flags.set(PollFlags::IN, read.is_some());
                flags.set(PollFlags::OUT, write.is_some());
                (*token, source.clone(), flags)
            });
        waited.filter(|(_, _, flags)| !flags.is_empty()).collect()
    }

    /// Takes out whom the events concern. Hang-up and errors concern both directions: their next
    /// operation finds the reason.
    fn take_ready(&mut self, waited: &[Waited], events: &[PollFlags]) -> Vec<Waker> {
        let mut ready = Vec::new();
        for ((token, ..), events) in waited.iter().zip(events) {
            let Some(Watched { wakers, .. }) = self.sources.get_mut(token) else { continue };
            for (waker, flag) in wakers.iter_mut().zip([PollFlags::IN, PollFlags::OUT]) {
                if events.intersects(flag | PollFlags::ERR | PollFlags::HUP) {
                    ready.extend(waker.take());
                }
            }
        }
        ready
    }
}

/// Ends the sleep of the loop from any thread (P1).
pub(crate) struct Bell {
    listening: AtomicBool,
    ringer: UnixStream,
    sound: UnixStream,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        let (ringer, sound) = UnixStream::pair()?;
        ringer.set_nonblocking(true)?;
        sound.set_nonblocking(true)?;
        Ok(Bell { listening: AtomicBool::new(false), ringer, sound })
    }

    /// From here on it is heard. Whoever listens looks at everything once more before the sleep.
    pub(crate) fn listen(&self) {
        self.listening.store(true, SeqCst);
    }

    /// Ends the sleep, or the one that is about to begin. Costs nothing while nobody listens.
    pub(crate) fn ring(&self) {
        if self.listening.swap(false, SeqCst) {
            let _ = (&self.ringer).write(&[1]); // if the buffer is full it has been rung already
        }
    }

    /// Sleeps; answers an event for each source. Interrupted by a signal, it answers none, and what
    /// is ready is found in the next turn.
    fn sleep(&self, waited: &[Waited], delay: Option<Duration>) -> Vec<PollFlags> {
        let mut fds = vec![PollFd::new(&self.sound, PollFlags::IN)];
        fds.extend(waited.iter().map(|(_, source, flags)| PollFd::new(source, *flags)));
        // A delay that is too long for the system is as good as none.
        let time = delay.and_then(|delay| Timespec::try_from(delay).ok());
        let _ = poll(&mut fds, time.as_ref());
        self.listening.store(false, SeqCst);
        while (&self.sound).read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
        fds[1..].iter().map(PollFd::revents).collect()
    }
}
