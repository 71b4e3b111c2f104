//! A runtime around another one, for mutants that replace a hook.
//!
//! ```ignore
//! fn runtime(&self, inner: Handle) -> Handle {
//!     Decorated::over(inner).timer(Box::new(RoundsDown)).handle()
//! }
//! ```
//!
//! The hook that replaces another keeps a clone of `inner` to pass on to. The decorator has the inner runtime's tag: it *is* that runtime,
//! and handles of both are equal.

use std::sync::Arc;

use runtime_traits::Handle;
use runtime_traits::hooks::{
    BlockOn, Blocking, Budget, Completion, Drive, Fs, Info, Net, Process, Reactor, Runtime, Signal,
    Spawn, SpawnLocal, Tag, Timer, VirtualTime,
};

/// The decorator. What is `None` is the inner runtime's.
pub(crate) struct Decorated {
    inner: Handle,
    spawner: Option<Box<dyn Spawn>>,
    local: Option<Box<dyn SpawnLocal>>,
    timer: Option<Box<dyn Timer>>,
    block_on: Option<Box<dyn BlockOn>>,
    blocking: Option<Box<dyn Blocking>>,
    reactor: Option<Box<dyn Reactor>>,
    without_reactor: bool,
    driver: Option<Box<dyn Drive>>,
    net: Option<Box<dyn Net>>,
    fs: Option<Box<dyn Fs>>,
    process: Option<Box<dyn Process>>,
    signal: Option<Box<dyn Signal>>,
    budget: Option<Box<dyn Budget>>,
    completion: Option<Box<dyn Completion>>,
    virtual_time: Option<Box<dyn VirtualTime>>,
}

#[allow(dead_code, reason = "the vocabulary of all groups, whichever are written")]
impl Decorated {
    /// A decorator that changes nothing yet.
    pub(crate) fn over(inner: Handle) -> Decorated {
        Decorated {
            inner,
            spawner: None,
            local: None,
            timer: None,
            block_on: None,
            blocking: None,
            reactor: None,
            without_reactor: false,
            driver: None,
            net: None,
            fs: None,
            process: None,
            signal: None,
            budget: None,
            completion: None,
            virtual_time: None,
        }
    }

    pub(crate) fn spawner(mut self, hook: Box<dyn Spawn>) -> Decorated {
        self.spawner = Some(hook);
        self
    }

    pub(crate) fn local(mut self, hook: Box<dyn SpawnLocal>) -> Decorated {
        self.local = Some(hook);
        self
    }

    pub(crate) fn timer(mut self, hook: Box<dyn Timer>) -> Decorated {
        self.timer = Some(hook);
        self
    }

    pub(crate) fn block_on(mut self, hook: Box<dyn BlockOn>) -> Decorated {
        self.block_on = Some(hook);
        self
    }

    pub(crate) fn blocking(mut self, hook: Box<dyn Blocking>) -> Decorated {
        self.blocking = Some(hook);
        self
    }

    pub(crate) fn reactor(mut self, hook: Box<dyn Reactor>) -> Decorated {
        self.reactor = Some(hook);
        self
    }

    /// Without readiness: sockets need `net` or `completion`.
    pub(crate) fn without_reactor(mut self) -> Decorated {
        self.without_reactor = true;
        self
    }

    pub(crate) fn driver(mut self, hook: Box<dyn Drive>) -> Decorated {
        self.driver = Some(hook);
        self
    }

    pub(crate) fn net(mut self, hook: Box<dyn Net>) -> Decorated {
        self.net = Some(hook);
        self
    }

    pub(crate) fn fs(mut self, hook: Box<dyn Fs>) -> Decorated {
        self.fs = Some(hook);
        self
    }

    pub(crate) fn process(mut self, hook: Box<dyn Process>) -> Decorated {
        self.process = Some(hook);
        self
    }

    pub(crate) fn signal(mut self, hook: Box<dyn Signal>) -> Decorated {
        self.signal = Some(hook);
        self
    }

    pub(crate) fn budget(mut self, hook: Box<dyn Budget>) -> Decorated {
        self.budget = Some(hook);
        self
    }

    pub(crate) fn completion(mut self, hook: Box<dyn Completion>) -> Decorated {
        self.completion = Some(hook);
        self
    }

    pub(crate) fn virtual_time(mut self, hook: Box<dyn VirtualTime>) -> Decorated {
        self.virtual_time = Some(hook);
        self
    }

    /// The decorated runtime's handle.
    pub(crate) fn handle(self) -> Handle {
        Handle::from_arc(Arc::new(self))
    }
}

impl Runtime for Decorated {
    fn tag(&self) -> &Tag {
        self.inner.runtime().tag()
    }

    fn info(&self) -> Info {
        self.inner.info()
    }

    fn spawner(&self) -> &dyn Spawn {
        self.spawner.as_deref().unwrap_or_else(|| self.inner.runtime().spawner())
    }

    fn local_spawner(&self) -> Option<&dyn SpawnLocal> {
        self.local.as_deref().or_else(|| self.inner.runtime().local_spawner())
    }

    fn timer(&self) -> Option<&dyn Timer> {
        self.timer.as_deref().or_else(|| self.inner.runtime().timer())
    }

    fn block_on(&self) -> Option<&dyn BlockOn> {
        self.block_on.as_deref().or_else(|| self.inner.runtime().block_on())
    }

    fn blocking(&self) -> Option<&dyn Blocking> {
        self.blocking.as_deref().or_else(|| self.inner.runtime().blocking())
    }

    fn reactor(&self) -> Option<&dyn Reactor> {
        if self.without_reactor {
            return None;
        }
        self.reactor.as_deref().or_else(|| self.inner.runtime().reactor())
    }

    fn driver(&self) -> Option<&dyn Drive> {
        self.driver.as_deref().or_else(|| self.inner.runtime().driver())
    }

    fn net(&self) -> Option<&dyn Net> {
        self.net.as_deref().or_else(|| self.inner.runtime().net())
    }

    fn fs(&self) -> Option<&dyn Fs> {
        self.fs.as_deref().or_else(|| self.inner.runtime().fs())
    }

    fn process(&self) -> Option<&dyn Process> {
        self.process.as_deref().or_else(|| self.inner.runtime().process())
    }

    fn signal(&self) -> Option<&dyn Signal> {
        self.signal.as_deref().or_else(|| self.inner.runtime().signal())
    }

    fn budget(&self) -> Option<&dyn Budget> {
        self.budget.as_deref().or_else(|| self.inner.runtime().budget())
    }

    fn completion(&self) -> Option<&dyn Completion> {
        self.completion.as_deref().or_else(|| self.inner.runtime().completion())
    }

    fn virtual_time(&self) -> Option<&dyn VirtualTime> {
        self.virtual_time.as_deref().or_else(|| self.inner.runtime().virtual_time())
    }

    fn inner(&self) -> Option<&dyn Runtime> {
        Some(self.inner.runtime())
    }
}
