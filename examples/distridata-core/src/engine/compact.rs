//! Compaction: a snapshot is taken while writes go on, then the log before it is forgotten.
//!
//! ```text
//!   rotate at X ──▶ shard by shard into a snapshot file ──▶ all that it saw is safe up to Y ──▶ done
//!        └ writes go on in the next segment: replaying them over the snapshot changes nothing (D4)
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use runtime_traits::{io, task, time};

use super::Engine;
use crate::log::SnapshotWriter;
use crate::node::say;
use crate::store::SHARDS;

/// Bytes gathered under one lock, and written as one chunk.
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
            let limit = from.max(failed_at) + after.max(size);
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
        let undone = self.lock().undone;
        let begun = self.with_log(|log| {
            let offset = log.rotate()?;
            io::Result::Ok((offset, log.snapshot_writer(offset)?))
        });
        let (offset, writer) = begun.await?;
        let writer = self.copy_shards(writer).await?;
        let safe = self.all_safe(undone).await?;
        let finished = task::spawn_blocking(move || writer.finish(safe));
        finished.await.map_err(io::Error::other)??;
        let tail = Arc::clone(&self.tail);
        let forgotten = task::spawn_blocking(move || tail.forget_before(offset));
        forgotten.await.map_err(io::Error::other)??;
        Ok(Compacted { offset })
    }

    async fn copy_shards(&self, mut writer: SnapshotWriter) -> io::Result<SnapshotWriter> {
        let mut chunk = Vec::new();
        self.lock().store.epoch_ops(&mut chunk);
        let mut shards = 0..SHARDS;
        while !shards.is_empty() {
            {
                let state = self.lock();
                while chunk.len() < CHUNK {
                    let Some(shard) = shards.next() else { break };
                    state.store.shard_ops(shard, &mut chunk);
                }
            }
            let ready = std::mem::take(&mut chunk);
            let written = task::spawn_blocking(move || writer.chunk(&ready).map(|()| writer));
            writer = written.await.map_err(io::Error::other)??;
        }
        Ok(writer)
    }

    /// Waits until all that is in memory now is safe; answers where the log ends then.
    async fn all_safe(&self, undone: u64) -> io::Result<u64> {
        let ticket = self.lock().ticket();
        if let Some(group) = ticket {
            group.ended().await.map_err(io::Error::other)?;
        }
        // With `--fsync everysec` safe is not yet on the disk; what a snapshot needs must be.
        let synced = self.with_log(|log| log.sync()).await?;
        if self.lock().undone != undone {
            return Err(io::Error::other("what the snapshot had seen was undone"));
        }
        Ok(synced)
    }
}
