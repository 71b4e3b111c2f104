//! What a node does on its own account: syncing once a second, deleting what has expired.

use std::sync::Arc;
use std::time::Duration;

use runtime_traits::{task, time};

use super::{Engine, Fsync, now};
use crate::node::say;
use crate::op::Op;

/// How often a node looks for what has expired.
const LOOK: Duration = Duration::from_millis(100);
/// So many keys are deleted at one moment, so that clients do not wait long.
const AT_ONCE: usize = 256;

impl Engine {
    /// With `--fsync everysec`: brings to the disk what was written, while writes go on.
    ///
    /// Ends when a sync fails: from then on nothing that is written can be trusted to be there.
    pub(crate) async fn sync_every_second(self: Arc<Engine>) {
        let mut second = time::interval(Duration::from_secs(1));
        let mut synced = 0;
        loop {
            second.tick().await;
            if self.fsync == Fsync::Always || self.safe() == synced {
                continue;
            }
            let end = self.safe();
            let unsynced = self.with_log(|log| log.begin_sync()).await;
            // Not inside `with_log`: the disk is slow, and groups can be written meanwhile.
            let Ok(done) = task::spawn_blocking(move || unsynced.run()).await else { return };
            if let Err(error) = self.with_log(move |log| log.end_sync(done)).await {
                say(format_args!("writes are refused from now on: {error}"));
                return;
            }
            synced = end;
        }
    }

    /// Deletes what has expired, as a write of this node's own; only a primary does.
    ///
    /// A read does not see what has expired, so nobody waits for this.
    pub(crate) async fn delete_expired(self: Arc<Engine>) {
        let mut tick = time::interval(LOOK);
        tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            while self.delete_some().await == AT_ONCE {}
        }
    }

    async fn delete_some(&self) -> usize {
        if self.lock().store.next_deadline().is_none_or(|deadline| deadline > now()) {
            return 0;
        }
        let seen = self.with(|transaction, _| {
            let keys = transaction.store.expired(transaction.now, AT_ONCE);
            let count = keys.len();
            keys.into_iter().for_each(|key| transaction.apply(Op::Delete { key }));
            count
        });
        if let Some(group) = seen.ticket {
            if group.ended().await.is_err() {
                return 0; // the disk is full: again at the next tick
            }
        }
        seen.result
    }
}
