//! A follower's half: the data is a copy of another node's.
//!
//! What comes goes first into the log and then into the data (E3): memory never shows what the log
//! does not have.

use runtime_traits::{io, task};

use super::open::apply_all;
use super::{Engine, discard};
use crate::journal::Journal;
use crate::log::frame::Frames;
use crate::log::{Incoming, Received};
use crate::op::{Malformed, Op};
use crate::store::Store;

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
            // Understood before it is written: a log that nobody can replay is of no use.
            let ops = decode(checked).map_err(io::Error::other)?;
            let mut end = log.append_frames(&checked)?;
            if always {
                end = super::sync_or_discard(log)?;
            }
            io::Result::Ok((ops, end))
        });
        let (ops, end) = written.await?;
        let undos = {
            let mut state = self.lock();
            let undos = ops.into_iter().map(|op| state.store.apply(op)).collect();
            self.set_safe(end);
            undos
        };
        self.grown.notify(usize::MAX);
        discard(undos);
        Ok(())
    }

    /// Whether the data is a state that a primary once had.
    pub(crate) fn is_whole(&self) -> bool {
        let state = self.lock();
        self.safe() >= state.whole_from
    }

    /// How often log and data were replaced; `None` while they are, when the one may be new and the
    /// other one old.
    pub(crate) fn replaced(&self) -> Option<u64> {
        let replaced = self.lock().replaced;
        (replaced % 2 == 0).then_some(replaced)
    }

    /// Whether a node whose newest epoch is `epoch`, and whose log ends at `offset`, has the same
    /// log as we do, up to there.
    pub(crate) fn has_in_its_history(&self, epoch: u64, offset: u64) -> bool {
        let state = self.lock();
        let epochs = state.store.epochs();
        let Some(at) = epochs.iter().position(|known| known.id == epoch) else { return false };
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
        self.lock().replaced += 1;
        let replaced = self.with_log(move |log| {
            match received {
                Some(received) => log.install(received)?,
                None => log.reset()?,
            }
            io::Result::Ok(log.end())
        });
        let replaced = replaced.await;
        let old = {
            let mut state = self.lock();
            state.replaced += 1;
            let end = replaced?;
            self.set_safe(end);
            state.whole_from = whole_from;
            state.undone += 1; // a snapshot that is being made is of the old data
            state.journal = Journal::new();
            std::mem::replace(&mut state.store, store)
        };
        self.grown.notify(usize::MAX);
        task::spawn_blocking(move || drop(old));
        Ok(())
    }
}

fn decode(frames: Frames<'_>) -> Result<Vec<Op>, Malformed> {
    let mut ops = Vec::new();
    for frame in frames {
        let mut payload = frame.payload;
        while !payload.is_empty() {
            ops.push(Op::decode(&mut payload)?);
        }
    }
    Ok(ops)
}
