//! Signals as a runtime hears them: a decorator that answers the hook.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use runtime_traits::hooks::{self, Info, Runtime, SignalStream, Spawn, Tag};
use runtime_traits::io;
use runtime_traits::signal::{SignalKind, signal};
use runtime_traits::{Handle, spawn};

use crate::support::{Gate, announced, poll_once, with_every_runtime};

/// The signal that the runtime makes up.
const MADE_UP: SignalKind = SignalKind::from_raw(12345);

#[derive(Default)]
struct Bell(Mutex<(bool, Option<Waker>)>);

impl Bell {
    fn ring(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

struct Listener(Arc<Bell>);

impl SignalStream for Listener {
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.0.lock().unwrap();
        if std::mem::take(&mut state.0) {
            return Poll::Ready(Ok(()));
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// A runtime that makes up signals.
struct Host {
    inner: Handle,
    bell: Arc<Bell>,
}

impl Runtime for Host {
    fn tag(&self) -> &Tag {
        self.inner.runtime().tag()
    }
    fn info(&self) -> Info {
        self.inner.info()
    }
    fn spawner(&self) -> &dyn Spawn {
        self.inner.runtime().spawner()
    }
    fn signal(&self) -> Option<&dyn hooks::Signal> {
        Some(self)
    }
    fn inner(&self) -> Option<&dyn Runtime> {
        Some(self.inner.runtime())
    }
}

impl hooks::Signal for Host {
    fn listen(&self, signal: i32) -> Option<io::Result<Box<dyn SignalStream>>> {
        let listener = || Ok(Box::new(Listener(self.bell.clone())) as Box<dyn SignalStream>);
        (signal == MADE_UP.as_raw()).then(listener)
    }
}

with_every_runtime! {
    fn a_runtime_may_make_up_signals(start: Start) {
        let owner = start();
        let bell = Arc::new(Bell::default());
        let host = Handle::from_arc(Arc::new(Host { inner: owner.handle(), bell: bell.clone() }));
        owner.block_on(host.wrap(async {
            let mut listener = signal(MADE_UP).unwrap();
            assert!(poll_once(pin!(listener.recv())).await.is_pending());
            assert!(bell.0.lock().unwrap().1.is_some(), "the listener's, until the next");
            let gate = Gate::default();
            let hears = announced(gate.clone(), async move { listener.recv().await });
            let hears = spawn(hears);
            gate.wait().await;
            bell.ring();
            hears.await.unwrap().unwrap();
            // Whatever is not the host's is the system's, which knows no such signal.
            signal(SignalKind::from_raw(12346)).unwrap_err();
        }));
    }
}
