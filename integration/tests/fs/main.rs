//! Files on every runtime: what std promises, and what goes wrong.
//!
//! `ordinary` is what a program does, `differential` compares with std, `dropped` gives up half-way,
//! `faults` has full disks, limits, files that are gone, and FIFOs that nobody serves; `small_disk` one
//! that fills up.
#![cfg(unix)]

#[cfg(target_os = "linux")]
#[path = "../support/alone.rs"]
mod alone;
#[path = "../support/mod.rs"]
mod support;

mod differential;
#[cfg(target_os = "linux")]
mod dropped;
#[cfg(target_os = "linux")]
mod faults;
mod ordinary;
mod scratch;
#[cfg(target_os = "linux")]
mod small_disk;
