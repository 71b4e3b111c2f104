//! A follower's half: the data is a copy of another node's.
//!
//! What comes goes first into the log and then into the data (E3): memory never shows what the log
//! does not have.

use std::sync::atomic::Ordering::Relaxed;

use runtime_traits::{io, task};

use super::open::apply_all;
use super::{Engine, State, discard};
use crate::journal::Journal;
use crate::log::frame::Frames;
use crate::log::{Incoming, Received};
use crate::store::{Store, Undo};

impl Engine {
    /// Takes over frames, whole ones, that follow the end of our log.
    ///
    /// # Cancellation
    ///
    /// Leaves running: do not call it again; drop the node.
    ///
    /// # Errors
    ///
    /// The frames are not what follows, or cannot be written. Nothing has changed then.
    pub(crate) async fn receive(&self, frames: Vec<u8>) -> io::Result<()> {
        let (start, always) = (self.safe(), self.is_always());
        let written = self.with_log(move |log| {
            let checked = Frames::check(&frames, start).map_err(io::Error::other)?;
            let mut end = log.append_frames(&checked).map_err(io::Error::other)?;
            if always {
                end = super::sync_or_discard(log)?;
            }
            io::Result::Ok((frames, end))
        });
        let (frames, end) = written.await?;
        let undos = self.apply_frames(&frames, start, end)?;
        discard(undos);
        self.grown.notify(usize::MAX);
        Ok(())
    }

    /// Data and offset change at one moment: whoever looks at both sees what belongs together.
    fn apply_frames(&self, frames: &[u8], start: u64, end: u64) -> io::Result<Vec<Undo>> {
        let checked = Frames::check(frames, start).map_err(io::Error::other)?;
        let mut state = self.lock();
        let State { store, journal, .. } = &mut *state;
        let mut undos = Vec::new();
        for frame in checked {
            let applied = journal.apply_payload(store, frame.payload);
            undos.append(&mut applied.map_err(io::Error::other)?);
        }
        self.safe.store(end, Relaxed);
        Ok(undos)
    }

    /// Whether the data is a state that a primary once had. While a follower that began with a
    /// snapshot catches up, it is not.
    pub(crate) fn is_whole(&self) -> bool {
        self.safe() >= self.lock().whole_from
    }

    /// Whether a node whose newest epoch is `epoch`, and whose log ends at `offset`, has the same
    /// log as we do, up to there.
    pub(crate) fn has_in_its_history(&self, epoch: u64, offset: u64) -> bool {
        let state = self.lock();
        let epochs = state.store.epochs();
        let Some(at) = epochs.iter().position(|known| known.id == epoch) else {
            return offset == 0;
        };
        // Another primary went on from where the next epoch begins; what lies behind is not ours.
        let end = epochs.get(at + 1).map_or(self.safe(), |next| next.start);
        offset <= end
    }

    /// Begins to receive a snapshot.
    pub(crate) async fn incoming(&self, offset: u64) -> io::Result<Incoming> {
        self.with_log(move |log| log.incoming(offset)).await
    }

    /// Writes a part of it.
    pub(crate) async fn keep_part(&self, mut to: Incoming, part: Vec<u8>) -> io::Result<Incoming> {
        let kept = task::spawn_blocking(move || to.write(&part).map(|()| to));
        kept.await.map_err(io::Error::other)?
    }

    /// Replaces log and data by the snapshot that was received.
    ///
    /// # Cancellation
    ///
    /// Leaves running: do not call it again; drop the node.
    ///
    /// # Errors
    ///
    /// The snapshot is damaged, or cannot be written. Nothing has changed then.
    pub(crate) async fn install(&self, incoming: Incoming) -> io::Result<()> {
        let checked = task::spawn_blocking(move || {
            let mut store = Store::new();
            let received = incoming.check(&mut |ops| apply_all(&mut store, ops));
            received.map(|received| (received, store))
        });
        let checked = checked.await.map_err(io::Error::other)?;
        let (received, store) = checked.map_err(io::Error::other)?;
        self.replace(Some(received), store).await
    }

    /// Forgets log and data.
    ///
    /// # Cancellation
    ///
    /// Leaves running, as [`install`](Engine::install) does.
    pub(crate) async fn restart(&self) -> io::Result<()> {
        self.replace(None, Store::new()).await
    }

    async fn replace(&self, received: Option<Received>, store: Store) -> io::Result<()> {
        let whole_from = received.as_ref().map_or(0, Received::consistent_at);
        let replaced = self.with_log(move |log| {
            match received {
                Some(received) => log.install(received)?,
                None => log.reset()?,
            }
            io::Result::Ok(log.end())
        });
        let end = replaced.await?;
        let old = {
            let mut state = self.lock();
            state.whole_from = whole_from;
            state.undone += 1; // a snapshot that is being made is of the old data
            state.journal = Journal::new();
            self.safe.store(end, Relaxed);
            std::mem::replace(&mut state.store, store)
        };
        self.grown.notify(usize::MAX);
        task::spawn_blocking(move || drop(old));
        Ok(())
    }
}
