//! Tests of what a program meets, whichever runtime it chose. There is no code here.
//!
//! `runtime-conformance` asks a runtime for each clause of its contract. This package asks the whole,
//! runtime and front end together, what happens when things go wrong, and whether ordinary programs
//! see the same on every runtime.
//!
//! | tests | ask |
//! |---|---|
//! | `faults` | is every failure a typed error or a text that says what to do; does nothing hang, is nothing lost |
//! | `sockets` | what std's sockets promise, and what several tasks on one socket may expect |
//! | `tasks` | time, groups, blocking closures, awaiting a task of another runtime |
//!
//! Order is made by gates and channels, never by the clock. The only limit on time is a watchdog,
//! which ends the process with the name of the test that hangs.
#![forbid(unsafe_code)]
