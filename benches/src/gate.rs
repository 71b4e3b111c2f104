//! What must hold before a release.
//!
//! A gate is about the median of the ratios. It is as sharp as the run is quiet: the ratio of tokio
//! to itself stands in each table, and a verdict that not all rounds agree with says so.

use crate::results::Results;
use crate::stats::Spread;
use crate::subject::Subject::{self, *};
use crate::workload::Kind::{self, *};

/// `subject` takes at most `limit` times as much as `to`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate {
    pub(crate) workload: Kind,
    pub(crate) subject: Subject,
    pub(crate) to: Subject,
    pub(crate) limit: f64,
}

const fn gate(workload: Kind, subject: Subject, to: Subject, limit: f64) -> Gate {
    Gate { workload, subject, to, limit }
}

pub(crate) const GATES: [Gate; 15] = [
    // Our own runtime is at least as good as the one that most programs use.
    gate(SpawnMany, RuntimeDefault, Tokio, 1.0),
    gate(YieldMany, RuntimeDefault, Tokio, 1.0),
    gate(TcpEcho, RuntimeDefault, Tokio, 1.1),
    // The interface costs a box for each task, and otherwise nothing that shows.
    gate(SpawnMany, RuntimeTokio, Tokio, 1.3),
    gate(YieldMany, RuntimeTokio, Tokio, 1.1),
    gate(RemoteWake, RuntimeTokio, Tokio, 1.1),
    gate(TcpEcho, RuntimeTokio, Tokio, 1.1),
    gate(SpawnMany, RuntimeSmol, Smol, 1.5),
    gate(YieldMany, RuntimeSmol, Smol, 1.1),
    gate(RemoteWake, RuntimeSmol, Smol, 1.1),
    gate(TcpEcho, RuntimeSmol, Smol, 1.1),
    // What the std surface is for: work that leaves its thread only where it must.
    gate(SpawnLocal, DefaultCt, Tokio, 0.2),
    gate(UnblockBurst, RuntimeDefault, Tokio, 0.3),
    gate(FileRead, RuntimeDefault, Tokio, 0.3),
    gate(Children, RuntimeDefault, Tokio, 1.1),
];

/// A gate, and what was measured.
pub(crate) struct Verdict {
    pub(crate) gate: Gate,
    pub(crate) ratio: Spread,
}

impl Verdict {
    pub(crate) fn passes(&self) -> bool {
        self.ratio.median <= self.gate.limit
    }

    /// Not all rounds agree.
    pub(crate) fn is_close(&self) -> bool {
        self.ratio.straddles(self.gate.limit)
    }
}

/// Those gates whose workload was measured.
pub(crate) fn verdicts(results: &Results) -> Vec<Verdict> {
    let verdict = |gate: Gate| {
        let ratio = results.ratio(gate.workload, gate.subject, gate.to)?;
        Some(Verdict { gate, ratio })
    };
    GATES.into_iter().filter_map(verdict).collect()
}
