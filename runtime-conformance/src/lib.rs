//! Tells whether a runtime keeps the contract of `runtime-traits`, clause by clause.
//!
//! A runtime's author writes one file, `tests/conformance.rs`, and says `harness = false` for it:
//!
//! ```no_run
//! use runtime_conformance::{Cap, Flavour, Harness, Subject};
//! # fn build_my_runtime(_: Flavour) -> Box<dyn Subject> { unimplemented!() }
//!
//! struct Mine;
//!
//! impl Harness for Mine {
//!     fn name(&self) -> &str {
//!         "mine"
//!     }
//!     fn flavours(&self) -> &[Flavour] {
//!         &[Flavour::Multi(2), Flavour::Current]
//!     }
//!     fn build(&self, flavour: Flavour) -> Box<dyn Subject> {
//!         build_my_runtime(flavour)
//!     }
//!     fn capabilities(&self, _: Flavour) -> &[Cap] {
//!         &[Cap::Block, Cap::Time]
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     runtime_conformance::main(Mine)
//! }
//! ```
//!
//! `README.md` leads from there to a verdict; `CONTRIBUTING.md` says how to add a clause.
//!
//! # How it works
//!
//! ```text
//!  clauses.md ── contract    what is promised
//!  clauses/   ── case        what is tested, and how it is registered
//!                  │
//!  main ── args ── run: cases × flavours ── schedule, two at a time ── judge ── report
//!                  │   each in a process of its own
//!                  ▼
//!            child: rig ── rt (the facade) ── the runtime
//!                    │ a verdict, a signal, an exit code, or nothing until the watchdog
//!                    └ aftermath: what was left behind
//! ```
//!
//! A hang, an abort or a stack overflow of one case is then its verdict and no other's.
//!
//! # Promises
//!
//! - **C1** A red verdict is right, also on a busy machine: the only upper bound on time is the
//!   watchdog. A green one that can be luck belongs to a case whose evidence is *stochastic*.
//! - **C2** A case is skipped only for a capability that the harness does not declare; what it
//!   declares and has not is a failure of `CAP-…`.
//! - **C3** Every failure comes with the command that repeats it.
//! - **C4** No process is killed but a child that this one started.
//! - **C5** What cannot be told is *inconclusive* or *broken*, and never counts as passed.
//!
//! The mutants (`mutants/`, a crate of its own) test that the suite notices what it should, and its
//! benign variants that it notices nothing else.
//!
//! Not here: what the clauses *mean* (the traits of `runtime-traits` say so), and the inside of any
//! runtime: this crate knows the interface only.
#![forbid(unsafe_code)]

mod aftermath;
mod capability;
mod case;
#[doc(hidden)]
pub mod clauses;
mod contract;
mod decisions;
mod declared;
mod expectations;
mod harness;
#[doc(hidden)]
pub mod json;
mod outcome;
mod profile;
mod report;
mod rig;
mod rt;
mod run;
pub mod toolbox;
#[doc(hidden)]
pub mod twist;
mod usable;
mod verdict;
mod watchdog;

pub use capability::Cap;
pub use decisions::{Answer, Decisions};
pub use harness::{Flavour, Harness, Subject};
pub use run::main;
#[doc(hidden)]
pub use watchdog::calibration;
