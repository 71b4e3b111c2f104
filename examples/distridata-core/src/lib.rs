//! A replicated key-value store: what a program looks like that names no runtime.
//!
//! It speaks RESP2, so that `redis-cli` and `redis-benchmark` are its clients. It keeps everything
//! in memory and in a log; followers stream the log. Of this workspace it depends on
//! `runtime-traits` alone: sockets, tasks, timers and blocking work are those of whoever runs it.
//!
//! ```text
//!  client ──RESP──▶ server/connection ──args──▶ command ──▶ journal::Transaction
//!                        │                                   │  changes   │ ops
//!                        │ waits for its group               ▼            ▼
//!                        │                                 Store       Journal (pending group, undo)
//!                        ▼                                                │ one frame a group
//!                     engine  ◀────── done, or failed and undone ──────── log ──▶ files
//!                                                                         │
//!  follower ◀──frames or a snapshot── replication/feeder ◀────────────────┘
//! ```
//!
//! # What it promises
//!
//! - **D1** Nothing is seen before it is safe: a reply leaves only when all it depends on, its own
//!   writes and what it read of others', is in the log (`--fsync always`: on the disk).
//! - **D2** A refused write did not happen: when a group cannot be written, memory goes back to what
//!   it was before that group, and everybody who saw more gets an error instead of a reply.
//! - **D3** The log is a sequence of bytes with absolute offsets, the same bytes on every node. A
//!   follower at offset *n* has the state that its primary had at *n*.
//! - **D4** Everything that is logged is absolute (a value, a length, a point in time), so a
//!   snapshot may be taken while writes go on: replaying what it already holds changes nothing.
//! - **D5** Who does not read is waited for, not buffered for: memory is bounded by what is stored and,
//!   per client and per follower, by a limit and the answer to one command. That answer may be large:
//!   `KEYS` copies all keys, and `MGET` keeps the values that it found until they are sent, also when
//!   they are overwritten meanwhile.
//!
//! | | kept in | tested in |
//! |---|---|---|
//! | D1 | `engine`: tickets; `server`: who waits for them; `replication`: R1 | `tests/nodes/faults.rs` |
//! | D2 | `journal`: undoing; `engine`: who is told | `tests/nodes/faults.rs`, `journal` |
//! | D3 | `log`: offsets; `engine/copy`; `replication`: R2 | `tests/nodes/{copies,histories,garbage}.rs` |
//! | D4 | `command`: C2; `op`; `engine/compact`: K1, K2 | `tests/nodes/copies.rs`, `store`, `engine` |
//! | D5 | `engine`: room; `server`, `pubsub`; `replication`: R3, R4 | `tests/memory.rs`, `tests/nodes/silence.rs` |
//!
//! | module | what it is | effects |
//! |---|---|---|
//! | `resp` | RESP2 in and out | none |
//! | `command` | what the commands mean | none |
//! | `store`, `op`, `journal` | the data, its changes, and how they are undone | none |
//! | `pubsub` | who listens to which channel | none |
//! | `log` | frames, segments, snapshots, recovery | blocks, through `log::files` |
//! | `engine` | one lock around the data, and the group commit | spawns, timers, the wall clock |
//! | `server`, `replication` | clients, primaries, followers | sockets, timers |
//! | `node` | all of it together, with a word now and then for whoever runs it | spawns, stderr |
#![forbid(unsafe_code)]

pub mod client;
mod command;
mod engine;
mod journal;
pub mod log;
mod node;
mod op;
mod pubsub;
mod replication;
mod resp;
mod server;
mod store;

#[cfg(test)]
mod testing;

pub use engine::Fsync;
pub use node::{Node, Settings, StartError, VALUE_MAX};
