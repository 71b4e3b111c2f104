//! Compaction: a snapshot is taken while writes go on, then the log before it is forgotten.
//!
//! ```text
//!   rotate at X ──▶ shard by shard into a snapshot file ──▶ all that it saw is safe up to Y ──▶ done
//!        └ writes go on in the next segment: replaying them over the snapshot changes nothing (D4)
//! ```
//!
//! - **K1** The snapshot has all that the log has before X. A primary's data is ahead of its log; a
//!   follower's is behind (E3) and is waited for.
//! - **K2** It has nothing that is not in the log before Y, on the disk. What was undone meanwhile,
//!   or replaced, it may have seen: then it is thrown away.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use runtime_traits::{io, task, time};

use super::Engine;
use crate::log::SnapshotWriter;
use crate::node::say;
use crate::store::SHARDS;

/// Bytes gathered under one lock, unless a shard has more, and after which a chunk ends.
const CHUNK: usize = 128 << 10;
/// How often a node looks whether its log has become large.
const LOOK: Duration = Duration::from_secs(1);

/// What a compaction came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compacted {
    /// Where the log begins now.
    offset: u64,
}

/// There is one compaction at a time.
struct Only<'a>(&'a AtomicBool);

impl Only<'_> {
    fn new(flag: &AtomicBool) -> io::Result<Only<'_>> {
        // `Relaxed`: it keeps a second one out and guards no data; what they share has locks.
        if flag.swap(true, Relaxed) {
            return Err(io::Error::other("a compaction is under way already"));
        }
        Ok(Only(flag))
    }
}

impl Drop for Only<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

impl fmt::Display for Compacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "compacted: the log now begins at offset {}", self.offset)
    }
}

impl Engine {
    /// Compacts whenever the log has grown by `after` bytes and by the size of its last snapshot.
    pub(crate) async fn compact_when_large(self: Arc<Engine>, after: u64) {
        let mut second = time::interval(LOOK);
        second.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut failed_at = 0;
        loop {
            second.tick().await;
            let (from, size) = match self.tail.newest_snapshot() {
                Some((snapshot, _)) => (snapshot.offset(), snapshot.body_len()),
                None => (0, 0),
            };
            failed_at = failed_at.min(self.safe()); // a follower's log may have begun again
            let limit = from.max(failed_at).saturating_add(after.max(size));
            if self.safe() < limit || !self.is_whole() {
                continue;
            }
            match self.compact().await {
                Ok(done) => say(format_args!("{done}")),
                Err(error) => {
                    failed_at = self.safe();
                    say(format_args!("not compacted: {error}"));
                }
            }
        }
    }

    /// Takes a snapshot and forgets what came before it.
    ///
    /// # Cancellation
    ///
    /// Safe: the old state stays.
    ///
    /// # Errors
    ///
    /// Something could not be written, or something that the snapshot had seen was undone. The old
    /// state stays.
    pub(crate) async fn compact(&self) -> io::Result<Compacted> {
        let _only = Only::new(&self.is_compacting)?;
        let undone = self.undone_if_whole()?;
        let begun = self.with_log(|log| {
            let offset = log.rotate()?;
            io::Result::Ok((offset, log.snapshot_writer(offset)?))
        });
        let (offset, writer) = begun.await?;
        self.caught_up(offset, undone).await?;
        let writer = self.copy_shards(writer).await?;
        let safe = self.all_safe(undone).await?;
        let finished = task::spawn_blocking(move || writer.finish(safe));
        finished.await.map_err(io::Error::other)??;
        let tail = Arc::clone(&self.tail);
        let forgotten = task::spawn_blocking(move || tail.forget_before(offset));
        forgotten.await.map_err(io::Error::other)??;
        Ok(Compacted { offset })
    }

    /// How often something was undone so far; an error if this is no state to make a snapshot of.
    fn undone_if_whole(&self) -> io::Result<u64> {
        let state = self.lock();
        if self.safe() < state.whole_from {
            return Err(io::Error::other("this follower is still catching up with its primary"));
        }
        Ok(state.undone)
    }

    /// Waits until the data has all that the log has before `offset` (K1).
    async fn caught_up(&self, offset: u64, undone: u64) -> io::Result<()> {
        loop {
            let growth = self.growth();
            self.check_nothing_undone(undone)?;
            if self.safe() >= offset {
                return Ok(());
            }
            growth.await;
        }
    }

    fn check_nothing_undone(&self, before: u64) -> io::Result<()> {
        if self.lock().undone != before {
            return Err(io::Error::other("what the snapshot had seen was undone"));
        }
        Ok(())
    }

    async fn copy_shards(&self, mut writer: SnapshotWriter) -> io::Result<SnapshotWriter> {
        let mut chunks = vec![Vec::new()];
        self.lock().store.epoch_ops(&mut chunks[0]);
        let mut shards = 0..SHARDS;
        while !shards.is_empty() {
            {
                let state = self.lock();
                while chunks.len() == 1 && chunks[0].len() < CHUNK {
                    let Some(shard) = shards.next() else { break };
                    state.store.shard_ops(shard, CHUNK, &mut chunks);
                }
            }
            let ready = std::mem::replace(&mut chunks, vec![Vec::new()]);
            let written = task::spawn_blocking(move || {
                ready.iter().try_for_each(|chunk| writer.chunk(chunk)).map(|()| writer)
            });
            writer = written.await.map_err(io::Error::other)??;
        }
        Ok(writer)
    }

    /// Waits until all that is in memory now is safe; answers where the log ends then (K2).
    async fn all_safe(&self, undone: u64) -> io::Result<u64> {
        let ticket = self.lock().ticket();
        if let Some(group) = ticket {
            group.ended().await.map_err(io::Error::other)?;
        }
        // With `--fsync everysec` safe is not yet on the disk; what a snapshot needs must be.
        let synced = self.with_log(|log| log.sync()).await?;
        self.check_nothing_undone(undone)?;
        Ok(synced)
    }
}
