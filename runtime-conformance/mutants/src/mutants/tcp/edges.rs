//! M-TCP-5: a reactor that tries a listener once for each event.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use runtime_conformance::twist::{Twist, fired};
use runtime_traits::Handle;
use runtime_traits::hooks::{After, Dir, Reactor, Source, Token};
use socket2::SockRef;

use crate::decorate::Decorated;

pub(super) struct OneForEachEvent;

impl Twist for OneForEachEvent {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().reactor().is_none() {
            return inner;
        }
        let reactor = Edges { inner: inner.clone(), listeners: Mutex::default() };
        Decorated::over(inner).reactor(Box::new(reactor)).handle()
    }
}

struct Edges {
    inner: Handle,
    /// Listeners that are watched, and the waker that is put in the place of others.
    listeners: Mutex<HashMap<u64, Arc<Event>>>,
}

/// Notes that an event came, and passes it on.
#[derive(Default)]
struct Event(Mutex<State>);

#[derive(Default)]
struct State {
    /// A connection was accepted since the last event.
    spent: bool,
    to: Option<Waker>,
}

impl Event {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Event {
    fn wake(self: Arc<Self>) {
        let to = {
            let mut state = self.state();
            state.spent = false;
            state.to.take()
        };
        to.into_iter().for_each(Waker::wake);
    }
}

impl Edges {
    fn inner(&self) -> &dyn Reactor {
        self.inner.runtime().reactor().expect("looked at when this was made")
    }

    fn event(&self, token: Token) -> Option<Arc<Event>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).get(&token.0).cloned()
    }
}

impl Reactor for Edges {
    fn register(&self, source: Source) -> io::Result<Token> {
        let listens = SockRef::from(&*source).is_listener().unwrap_or(false);
        let token = self.inner().register(source)?;
        if listens {
            let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.insert(token.0, Arc::default());
        }
        Ok(token)
    }

    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        let Some(event) = self.event(token) else {
            return self.inner().poll_io(token, dir, cx, op);
        };
        event.state().to = Some(cx.waker().clone());
        let waker = Waker::from(event.clone());
        let polled =
            self.inner().poll_io(token, dir, &mut Context::from_waker(&waker), &mut || {
                if event.state().spent {
                    fired();
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                op()
            });
        event.state().spent |= matches!(polled, Poll::Ready(Ok(())));
        polled
    }

    fn deregister(&self, token: Token) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).remove(&token.0);
        self.inner().deregister(token);
    }
}
