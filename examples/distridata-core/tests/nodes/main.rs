//! Whole nodes, with clients and other nodes around them, over files that fail when a test says so.
//!
//! - `support`: starting nodes, asking them, waiting for what must come
//! - `gate`: a directory whose syncs wait
//! - `raw`: the replication protocol by hand
//! - `faults`: promises D1 and D2, crashes and full disks
//! - `copies`: promise D3, what followers end with
//! - `histories`: promise D3, whose log is whose
//! - `silence`: heartbeats, patience and back-off
//! - `garbage`: what strangers send
//! - `channels`: what was said before somebody left
//! - `manifest`: what the library depends on
//!
//! No test sleeps to bring things into an order: each waits for something that the one before has
//! caused. What must come is waited for up to a limit that is far beyond all that can be normal.
#![forbid(unsafe_code)]

mod channels;
mod copies;
mod faults;
mod garbage;
mod gate;
mod histories;
mod manifest;
mod raw;
mod silence;
mod support;
