//! Primaries and followers: the same bytes of the log on every node (promise D3).
//!
//! ```text
//!   primary                              follower                       its follower
//!   Log ──Reader──▶ feeder ──TCP──▶ follower ──▶ Log ──Reader──▶ feeder ──TCP──▶ …
//!                     ▲                │
//!                     └─ "safe up to" ─┘
//! ```
//!
//! Every frame is of an *epoch*: a primary begins one when it starts, and says so in the log. A
//! follower names its newest epoch and where its log ends. If that place is part of our history, the
//! frames go on from there; otherwise it starts again, by snapshot or from the beginning.
//!
//! # Invariants
//!
//! - **R1** Only what is safe here is sent (D1): a follower never has what its primary may undo. It
//!   may have what its primary loses in a power cut, with `--fsync everysec`; that is what epochs are
//!   for.
//! - **R2** A follower goes on only if its log, up to its end, is the beginning of ours (D3). Who is of
//!   an epoch that we do not know, or further than we were when the next one began, begins again.
//! - **R3** A feeder reads the log's files and holds one message, so a slow follower costs no memory
//!   (D5). A follower holds what has come of one frame.
//! - **R4** Both sides say something at least once per heartbeat, by their own clocks, whatever else
//!   they are doing. Who hears nothing at all for several of them gives the connection up; slow is
//!   not silent.
//! - **R5** What a stranger sends is checked before it is written: it can end a connection, and change
//!   nothing.
//! - **R6** A follower's writes to its log are never given up half-way while the node lives: nothing
//!   that runs beside them ends first.
//!
//! - `message`: what is said, as bytes
//! - `feeder`: one per follower of this node
//! - `follower`: the one that keeps this node like another

pub(crate) mod feeder;
pub(crate) mod follower;
pub(crate) mod link;
pub(crate) mod message;
