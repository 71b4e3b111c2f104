//! The program as its users meet it: real processes, real sockets, real files, `redis-cli`.
//!
//! Each file is one kind of thing that happens to a node. What a node promises is in the first page
//! of `distridata-core`; the tests name those promises (D1 to D5) where they hold a node to one.
//!
//! Where a test needs something of the system (`redis-cli`, `strace`, mounting a small disk) it
//! fails without it and says so; it never passes unseen.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;

mod acknowledged;
mod bad_input;
mod commands;
mod compaction;
mod crowds;
mod demo;
mod directory;
mod expiry;
mod following;
mod full_disk;
mod rotation;
mod slow_readers;
mod traced;
