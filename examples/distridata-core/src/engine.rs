//! One lock around the data, and the group commit behind it.
//!
//! ```text
//!  with(|transaction| …) ──changes──▶ Store, Journal        (under the lock, no waiting)
//!         │                              │ pending group
//!         ▼ ticket                       ▼
//!   Group::ended().await ◀─keep, undo─ write_groups ── append, sync ──▶ Log   (on a blocking thread)
//! ```
//!
//! While one group is being written the next one gathers: the slower the disk, the larger the
//! groups. Whoever looked at the data while a group was not yet safe waits for that group before it
//! answers (promise D1). If a group fails, all that is not yet safe is undone (D2).
//!
//! # Invariants
//!
//! - **E1** The lock is held for plain work on memory only: no waiting, no files, no wakers.
//! - **E2** A group that somebody may wait for is in `groups` until it ends, and it ends.
//! - **E3** A follower's data changes only after the frames are in its log, so it needs no undoing.
//!
//! Not here: what commands mean (`command`), bytes on disk (`log`), who asks (`server`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use event_listener::{Event, EventListener};
use runtime_traits::{io, task};

use crate::journal::{Journal, Transaction};
use crate::log::{Log, Tail};
use crate::op::{Epoch, Millis, Op};
use crate::store::{Store, Undo};

pub(crate) mod compact;
mod copy;
pub(crate) mod group;
pub(crate) mod open;
#[cfg(test)]
mod tests;
pub(crate) mod upkeep;

use group::{Group, NotWritten};

/// So many bytes may wait to be written; then whoever wants to change something waits, too.
const PENDING_MAX: usize = 8 << 20;

/// When what was written reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Before it is acknowledged: a power cut loses nothing.
    Always,
    /// Once a second: a power cut loses a second, the end of the process nothing.
    EverySec,
}

/// The data of a node.
pub(crate) struct Engine {
    state: Mutex<State>,
    /// Locked on blocking threads only, and never inside `state`.
    log: Arc<Mutex<Log>>,
    tail: Arc<Tail>,
    /// Up to here the log is as safe as `fsync` asks for.
    safe: AtomicU64,
    fsync: Fsync,
    value_max: usize,
    is_compacting: AtomicBool,
    /// There is something to write.
    pending: Event,
    /// The log has grown, or is another one.
    grown: Event,
}

struct State {
    store: Store,
    journal: Journal,
    /// Groups that somebody waits for, oldest first, with their numbers in the journal.
    groups: VecDeque<(u64, Arc<Group>)>,
    /// How many times something was undone: a snapshot that has seen it is worthless.
    undone: u64,
    /// A follower's data is no state that its primary ever had until its log reaches this offset.
    whole_from: u64,
    /// Grows when the log begins to be replaced, and when log and data are both the new ones.
    replaced: u64,
}

/// What a look at the data came to, and what to wait for before anybody hears of it.
pub(crate) struct Seen<R> {
    pub(crate) result: R,
    pub(crate) ticket: Option<Arc<Group>>,
}

impl Engine {
    /// Looks at the data and changes it, at one moment. `look` is told, too, whether the data is a
    /// state that a primary once had: while a follower that began with a snapshot catches up, it is
    /// not (D3).
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Transaction<'_>, bool) -> R) -> Seen<R> {
        let mut state = self.lock();
        let is_whole = self.safe() >= state.whole_from;
        let State { store, journal, .. } = &mut *state;
        let mut transaction = Transaction { store, journal, now: now(), value_max: self.value_max };
        let result = look(&mut transaction, is_whole);
        let is_pending = state.journal.pending_len() > 0;
        let ticket = state.ticket();
        drop(state);
        if is_pending {
            // Also if it was before: whoever put it there may have panicked before this line.
            self.pending.notify(1);
        }
        Seen { result, ticket }
    }

    /// Waits while too much waits to be written.
    ///
    /// # Cancellation
    ///
    /// Safe.
    pub(crate) async fn room(&self) {
        while let Some(group) = self.full() {
            // Written or undone: there is room, unless others were faster.
            let _ = group.ended().await;
        }
    }

    fn full(&self) -> Option<Arc<Group>> {
        let mut state = self.lock();
        if state.journal.pending_len() < PENDING_MAX { None } else { state.ticket() }
    }

    /// Writes group after group, for ever.
    pub(crate) async fn write_groups(self: Arc<Engine>) {
        loop {
            let listener = self.pending.listen();
            let taken = self.lock().journal.take_group();
            let Some(taken) = taken else {
                listener.await;
                continue;
            };
            let (number, payload, always) = (taken.number, taken.payload, self.is_always());
            let written = self.with_log(move |log| {
                let written = log.append(&payload);
                let safe =
                    if always { written.and_then(|_| sync_or_discard(log)) } else { written };
                (safe, payload)
            });
            let (written, payload) = written.await;
            self.lock().journal.reuse(payload);
            match written {
                Ok(safe) => self.keep(number, safe),
                Err(error) => self.undo(&NotWritten::because(error)),
            }
        }
    }

    fn is_always(&self) -> bool {
        self.fsync == Fsync::Always
    }

    /// A group is safe: whoever waits for it may answer.
    fn keep(&self, number: u64, safe: u64) {
        let (undos, ended) = {
            let mut state = self.lock();
            self.set_safe(safe);
            let undos = state.journal.kept(number);
            let ended = state.groups.iter().take_while(|(waited, _)| *waited <= number).count();
            (undos, state.groups.drain(..ended).collect::<Vec<_>>())
        };
        ended.iter().for_each(|(_, group)| group.end(Ok(())));
        self.grown.notify(usize::MAX);
        discard(undos);
    }

    /// A group could not be written: it and all that came after it did not happen.
    fn undo(&self, reason: &NotWritten) {
        let ended = {
            let mut state = self.lock();
            let State { store, journal, .. } = &mut *state;
            journal.roll_back(store);
            state.undone += 1;
            std::mem::take(&mut state.groups)
        };
        ended.iter().for_each(|(_, group)| group.end(Err(reason.clone())));
    }

    /// Uses the log on a thread that may block.
    ///
    /// # Cancellation
    ///
    /// Leaves running: what has begun is done.
    async fn with_log<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Log) -> R + Send + 'static,
    ) -> R {
        let log = Arc::clone(&self.log);
        let used = task::spawn_blocking(move || work(&mut lock(&log)));
        used.await.expect("a runtime that runs us has threads that may block")
    }

    /// Where this node stands: the epoch that its newest frame is of, and where its log ends.
    pub(crate) fn position(&self) -> (u64, u64) {
        let state = self.lock();
        (state.store.epochs().last().map_or(0, |epoch| epoch.id), self.safe())
    }

    /// From here on this node writes: everything after is of a new epoch.
    pub(crate) async fn begin_epoch(&self) -> Result<(), NotWritten> {
        let epoch = Epoch { id: random(), start: self.safe() };
        let seen = self.with(|transaction, _| transaction.apply(Op::Epoch(epoch)));
        match seen.ticket {
            Some(group) => group.ended().await,
            None => Ok(()),
        }
    }

    /// Hears when the log grows, or is replaced.
    pub(crate) fn growth(&self) -> EventListener {
        self.grown.listen()
    }

    /// Up to where the log is as safe as it is going to be acknowledged.
    pub(crate) fn safe(&self) -> u64 {
        // `Acquire` pairs with the `Release` in `set_safe`: who sees it finds the bytes before it.
        self.safe.load(Ordering::Acquire)
    }

    /// Under the lock, so that nobody sees new data and thinks it as safe as the old.
    fn set_safe(&self, offset: u64) {
        // `Release` pairs with the `Acquire` in `safe`.
        self.safe.store(offset, Ordering::Release);
    }

    /// The read side of the log.
    pub(crate) fn tail(&self) -> &Arc<Tail> {
        &self.tail
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// What to wait for before anybody hears of what is in memory now.
    fn ticket(&mut self) -> Option<Arc<Group>> {
        let number = self.journal.latest()?;
        if self.groups.back().is_none_or(|(newest, _)| *newest < number) {
            self.groups.push_back((number, Arc::default()));
        }
        self.groups.back().map(|(_, group)| Arc::clone(group))
    }
}

/// A sync that fails leaves nobody knowing what is on the disk: what nobody was told of goes away.
fn sync_or_discard(log: &mut Log) -> io::Result<u64> {
    log.sync().inspect_err(|_| {
        let _ = log.discard_unsynced(); // the log is broken and says so at the next append
    })
}

/// Nothing panics under our locks but a bug; then going on is better than a node that hangs.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drops what may be much (all that FLUSHALL removed) where nobody waits for it.
fn discard(undos: Vec<Undo>) {
    const FEW: usize = 1024;
    if undos.len() > FEW || undos.iter().any(Undo::is_big) {
        task::spawn_blocking(move || drop(undos));
    }
}

/// The wall clock: what deadlines are compared with, on all nodes.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// A number that is most likely nobody else's.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Keyed by the system's randomness; the time makes the calls of one thread differ as well.
    RandomState::new().hash_one((std::process::id(), now()))
}
