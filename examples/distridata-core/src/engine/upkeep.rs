//! What a node does on its own account: syncing once a second, deleting what has expired.

use std::sync::Arc;
use std::time::Duration;

use runtime_traits::{task, time};

use super::group::NotWritten;
use super::{Engine, Fsync, now};
use crate::log::Log;
use crate::node::say;
use crate::op::Op;

/// How often a node looks for what has expired.
const LOOK: Duration = Duration::from_millis(100);
/// The longest time between two attempts to delete, if nothing can be written.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// So many keys are deleted at one moment, so that clients do not wait long.
const AT_ONCE: usize = 256;

impl Engine {
    /// With `--fsync everysec`: brings to the disk what was written, while writes go on. `every` is a
    /// second but in tests.
    ///
    /// Ends when a sync fails: from then on nothing that is written can be trusted to be there.
    pub(crate) async fn sync_every(self: Arc<Engine>, every: Duration) {
        let mut second = time::interval(every);
        // After a stall one sync does for all that were missed.
        second.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            second.tick().await;
            if self.fsync == Fsync::Always {
                continue;
            }
            let grown = |log: &mut Log| (log.synced() < log.end()).then(|| log.begin_sync());
            let Some(unsynced) = self.with_log(grown).await else { continue };
            // Not inside `with_log`: the disk is slow, and groups can be written meanwhile.
            let Ok(done) = task::spawn_blocking(move || unsynced.run()).await else { return };
            if let Err(error) = self.with_log(move |log| log.end_sync(done)).await {
                say(format_args!("writes are refused from now on: {error}"));
                return;
            }
        }
    }

    /// Deletes what has expired, as a write of this node's own; only a primary does.
    ///
    /// A read does not see what has expired, so nobody needs this soon. But a group that fails is
    /// felt: all who have seen it are told, and a compaction, which could make room, has to begin
    /// again. So while the disk is full the attempts become fewer.
    pub(crate) async fn delete_expired(self: Arc<Engine>) {
        let mut pause = LOOK;
        loop {
            time::sleep(pause).await;
            pause = match self.delete_all_expired().await {
                Ok(()) => LOOK,
                Err(_) => PAUSE_MAX.min(2 * pause),
            };
        }
    }

    async fn delete_all_expired(&self) -> Result<(), NotWritten> {
        while self.delete_some().await? == AT_ONCE {}
        Ok(())
    }

    async fn delete_some(&self) -> Result<usize, NotWritten> {
        if self.lock().store.next_deadline().is_none_or(|deadline| deadline > now()) {
            return Ok(0);
        }
        let seen = self.with(|transaction, _| {
            let keys = transaction.store.expired(transaction.now, AT_ONCE);
            let count = keys.len();
            keys.into_iter().for_each(|key| transaction.apply(Op::Delete { key }));
            count
        });
        if let Some(group) = seen.ticket {
            group.ended().await?;
        }
        Ok(seen.result)
    }
}
