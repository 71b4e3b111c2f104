//! Recovery: what the log has becomes the data.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use event_listener::Event;

use super::{Engine, State};
use crate::journal::Journal;
use crate::log::files::Dir;
use crate::log::{Cause, Log, OpenError, Options, Replay, Report};
use crate::node::Settings;
use crate::op::Op;
use crate::store::Store;

impl Engine {
    /// Recovers what `dir` has. Blocks.
    pub(crate) fn open(
        dir: Arc<dyn Dir>,
        settings: &Settings,
    ) -> Result<(Engine, Report), OpenError> {
        let options = Options { cut_damaged: settings.cut_damaged };
        let mut store = Store::new();
        let (log, report) = Log::open(dir, &options, &mut |replay| match replay {
            Replay::Snapshot { .. } => Ok(()),
            Replay::Chunk(ops) => apply_all(&mut store, ops),
            Replay::Frame(frame) => apply_all(&mut store, frame.payload),
        })?;
        let state = State {
            store,
            journal: Journal::new(),
            groups: VecDeque::new(),
            undone: 0,
            whole_from: report.incomplete_until.unwrap_or(0),
            replaced: 0,
        };
        let engine = Engine {
            state: Mutex::new(state),
            tail: log.tail(),
            safe: AtomicU64::new(log.end()),
            log: Arc::new(Mutex::new(log)),
            fsync: settings.fsync,
            value_max: settings.value_max,
            is_compacting: AtomicBool::new(false),
            pending: Event::new(),
            grown: Event::new(),
        };
        Ok((engine, report))
    }
}

/// Applies ops that are in the log, or in a snapshot, already.
pub(crate) fn apply_all(store: &mut Store, mut ops: &[u8]) -> Result<(), Cause> {
    while !ops.is_empty() {
        let _ = store.apply(Op::decode(&mut ops)?); // it is safe: nobody will take it back
    }
    Ok(())
}
