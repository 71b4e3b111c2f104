//! Tells whether a runtime keeps the contract of `runtime-traits`, clause by clause.
//!
//! A runtime's author writes one file, `tests/conformance.rs`, and says `harness = false` for it:
//!
//! ```no_run
//! use runtime_conformance::{Flavour, Harness, Subject};
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
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     runtime_conformance::main(Mine)
//! }
//! ```
//!
//! # How it works
//!
//! ```text
//!  main ── args ── cases = clauses × flavours
//!                    │  one after the other, each in a process of its own
//!                    ▼
//!            child: build the subject ── run the clause ── say the verdict
//!                    │ a verdict, a signal, an exit code, or nothing until the watchdog
//!                    ▼
//!                  report: one line per case, one line of sums, an exit code
//! ```
//!
//! A hang, an abort or a stack overflow of one case is then its verdict and no other's.
//!
//! # Promises
//!
//! - **C1** A red verdict is right, also on a busy machine: the only upper bound on time is the
//!   watchdog. A green one that can be luck belongs to a clause whose evidence is *stochastic*.
//! - **C2** A case is skipped only for a capability that the harness declares absent.
//! - **C3** Every failure comes with the command that repeats it.
//! - **C4** No process is killed but a child that this one started.
//!
//! `tests/mutants.rs` tests C2, C3 and that the suite notices what it should; the toy and the
//! runtimes of this workspace test C1, as far as luck allows; C4 has no test.
//!
//! Exit codes: 0 all passed or skipped · 1 a clause failed · 4 wrong usage, or a case could not be
//! started.
//!
//! Not here: what the clauses *mean* (the traits of `runtime-traits` say so), and the inside of any
//! runtime: this crate knows the interface only.
#![forbid(unsafe_code)]

mod case;
mod clauses;
mod harness;
mod run;
pub mod toolbox;
mod watchdog;

pub use harness::{Flavour, Harness, Subject};
pub use run::main;
