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
//! A feeder reads the log's files, so a slow follower costs no memory. Both sides say something at
//! least once per heartbeat; who hears nothing for several of them gives the connection up.
//!
//! - `message`: what is said, as bytes
//! - `feeder`: one per follower of this node
//! - `follower`: the one that keeps this node like another

pub(crate) mod feeder;
pub(crate) mod follower;
pub(crate) mod link;
pub(crate) mod message;
