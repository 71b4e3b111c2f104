//! A reactor of one thread that calls `poll(2)`.
#![allow(unreachable_pub, reason = "shared by test binaries")]

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use runtime_traits::hooks::{After, Dir, Reactor, Source, Token};
use runtime_traits::{Gone, io};
use rustix::event::{PollFd, PollFlags, poll};

use super::toy::Part;

/// A reactor whose thread ends with it.
pub struct PollReactor {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    table: Mutex<Table>,
    /// A byte here ends the thread's sleep.
    bell: UnixStream,
}

#[derive(Default)]
struct Table {
    next: u64,
    sources: HashMap<u64, Entry>,
    ended: bool,
}

struct Entry {
    source: Source,
    wakers: [Option<Waker>; 2],
}

impl PollReactor {
    pub fn new() -> PollReactor {
        let (bell, heard) = UnixStream::pair().unwrap();
        bell.set_nonblocking(true).unwrap();
        heard.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared { table: Mutex::default(), bell });
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || while shared.turn(&heard) {}
        });
        PollReactor { shared, thread: Some(thread) }
    }

    pub fn end(&self) {
        let wakers: Vec<_> = {
            let mut table = self.shared.table.lock().unwrap();
            table.ended = true;
            table
                .sources
                .values_mut()
                .flat_map(|entry| &mut entry.wakers)
                .filter_map(Option::take)
                .collect()
        };
        wakers.into_iter().for_each(Waker::wake);
        self.shared.ring();
    }

    pub fn registered(&self) -> usize {
        self.shared.table.lock().unwrap().sources.len()
    }
}

impl Drop for PollReactor {
    fn drop(&mut self) {
        self.end();
        // The last handle may be dropped anywhere: also by the thread itself, in a waker.
        let thread = self.thread.take().unwrap();
        if thread.thread().id() != std::thread::current().id() {
            thread.join().unwrap();
        }
    }
}

impl Shared {
    fn ring(&self) {
        // A full bell rings already.
        let _ = (&self.bell).write(&[1]);
    }

    /// Waits for events and wakes; `false` at the end.
    fn turn(&self, heard: &UnixStream) -> bool {
        let asked: Vec<(u64, Dir, Source)> = {
            let table = self.table.lock().unwrap();
            if table.ended {
                return false;
            }
            let each = |(token, entry): (&u64, &Entry)| {
                [Dir::Read, Dir::Write]
                    .into_iter()
                    .filter(|dir| entry.wakers[dir.index()].is_some())
                    .map(|dir| (*token, dir, entry.source.clone()))
                    .collect::<Vec<_>>()
            };
            table.sources.iter().flat_map(each).collect()
        };
        let mut fds = vec![PollFd::new(heard, PollFlags::IN)];
        fds.extend(asked.iter().map(|(_, dir, source)| {
            PollFd::new(source, if *dir == Dir::Read { PollFlags::IN } else { PollFlags::OUT })
        }));
        if poll(&mut fds, None).is_err() {
            return true;
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        while (&*heard).read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
        let wakers: Vec<_> = {
            let mut table = self.table.lock().unwrap();
            let fired = asked.iter().zip(&ready[1..]).filter(|(_, ready)| **ready);
            fired
                .filter_map(|((token, dir, _), _)| {
                    table.sources.get_mut(token)?.wakers[dir.index()].take()
                })
                .collect()
        };
        wakers.into_iter().for_each(Waker::wake);
        true
    }
}

impl Reactor for PollReactor {
    fn register(&self, source: Source) -> io::Result<Token> {
        let mut table = self.shared.table.lock().unwrap();
        table.next += 1;
        let token = table.next;
        table.sources.insert(token, Entry { source, wakers: [None, None] });
        Ok(Token(token))
    }

    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.shared.table.lock().unwrap().ended {
                return Poll::Ready(Err(Gone.into()));
            }
            match op() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                done => return Poll::Ready(done.map(|_| ())),
            }
        }
        let mut table = self.shared.table.lock().unwrap();
        if table.ended {
            return Poll::Ready(Err(Gone.into()));
        }
        let entry = table.sources.get_mut(&token.0).expect("registered");
        entry.wakers[dir.index()].get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
        drop(table);
        // `poll(2)` is level-triggered: what came meanwhile is seen by the next turn.
        self.shared.ring();
        Poll::Pending
    }

    fn deregister(&self, token: Token) {
        let gone = self.shared.table.lock().unwrap().sources.remove(&token.0);
        self.shared.ring();
        drop(gone);
    }
}

impl Part for PollReactor {
    fn name(&self) -> &'static str {
        "poll"
    }
    fn reactor(&self) -> Option<&dyn Reactor> {
        Some(self)
    }
}
