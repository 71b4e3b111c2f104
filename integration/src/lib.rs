//! Tests of what a program meets, whichever runtime it chose. There is no code here.
//!
//! `runtime-conformance` asks a runtime for each clause of its contract. This package asks the whole,
//! runtime and front end together, what happens when things go wrong, and whether ordinary programs
//! see the same on every runtime.
//!
//! | tests | ask |
//! |---|---|
//! | `belongings` | task-locals, tokens and local sets: what belongs to a task or to a thread |
//! | `faults` | is every failure a typed error or a text that says what to do; does nothing hang, is nothing lost |
//! | `fs` | files: std's answers, nothing lost, dropped operations, full disks, FIFOs |
//! | `io` | objects that block, the process's own streams, connections in memory |
//! | `process` | does each child's end reach whoever waits, and does none stay as a zombie |
//! | `signal` | does every listener hear, and does none disturb another |
//! | `sockets` | what std's sockets promise, and what several tasks on one socket may expect |
//! | `std_surface` | is there an answer to every function of std |
//! | `tasks` | time, groups, blocking closures, awaiting a task of another runtime |
//!
//! Order is made by gates and channels, never by the clock. The only limit on time is a watchdog,
//! which ends the process with the name of the test that hangs.
#![forbid(unsafe_code)]
