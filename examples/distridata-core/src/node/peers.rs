//! Who follows this node, and how the one that it follows is doing: for INFO.
//!
//! The atomics are `Relaxed`: each is a number to be shown or to tell followers apart, and nothing
//! is read because of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_traits::io;

use crate::replication::message::Pulse;

/// The followers of a node.
#[derive(Default)]
pub(crate) struct Followers {
    list: Mutex<BTreeMap<u64, Arc<Follower>>>,
    last: AtomicU64,
}

/// One of them.
pub(crate) struct Follower {
    pub(crate) addr: SocketAddr,
    safe: AtomicU64,
}

impl Follower {
    /// Up to where its log is safe.
    pub(crate) fn safe(&self) -> u64 {
        self.safe.load(Relaxed)
    }
}

impl Followers {
    /// Counts a follower for as long as the seat is kept.
    pub(crate) fn enter(&self, addr: SocketAddr) -> Seat<'_> {
        let number = self.last.fetch_add(1, Relaxed);
        let follower = Arc::new(Follower { addr, safe: AtomicU64::new(0) });
        lock(&self.list).insert(number, Arc::clone(&follower));
        Seat { list: &self.list, number, follower }
    }

    pub(crate) fn list(&self) -> Vec<Arc<Follower>> {
        lock(&self.list).values().cloned().collect()
    }
}

/// A follower's place in the list.
pub(crate) struct Seat<'a> {
    list: &'a Mutex<BTreeMap<u64, Arc<Follower>>>,
    number: u64,
    follower: Arc<Follower>,
}

impl Seat<'_> {
    pub(crate) fn safe_at(&self, offset: u64) {
        self.follower.safe.store(offset, Relaxed);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        lock(self.list).remove(&self.number);
    }
}

/// The node that this one follows.
#[derive(Default)]
pub(crate) struct Upstream {
    state: Mutex<Known>,
}

/// What is known of it.
#[derive(Clone, Default)]
pub(crate) struct Known {
    pub(crate) is_connected: bool,
    /// Where its log ended when we last heard of it.
    pub(crate) end: u64,
    /// Why the last connection broke.
    pub(crate) error: Option<String>,
    chain: Vec<u64>,
}

impl Upstream {
    pub(crate) fn known(&self) -> Known {
        lock(&self.state).clone()
    }

    pub(crate) fn chain(&self) -> Vec<u64> {
        lock(&self.state).chain.clone()
    }

    pub(crate) fn found(&self) {
        lock(&self.state).is_connected = true;
    }

    pub(crate) fn heard(&self, pulse: &Pulse) {
        let mut state = lock(&self.state);
        state.end = pulse.end;
        state.chain.clone_from(&pulse.chain);
    }

    /// Answers what that comes to, if it is news.
    pub(crate) fn lost(&self, error: &io::Error) -> Option<&'static str> {
        let mut state = lock(&self.state);
        state.chain.clear();
        let was_connected = std::mem::take(&mut state.is_connected);
        let before = state.error.replace(error.to_string());
        let what = if was_connected { "lost" } else { "cannot follow" };
        (was_connected || state.error != before).then_some(what)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
