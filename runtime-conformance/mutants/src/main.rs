//! Tests the conformance suite: each mutant must be failed by its clause, for the right reason, and by
//! no other; each benign variant must pass.
//!
//! ```text
//!  runner ── for each mutant ──▶ this program again, as the suite over that mutant
//!    │                             │ its group's cases and the tolerated ones, each a process
//!    ◀── conformance.jsonl ────────┘
//!  verdict: killed by whom, in what time, and who else was hurt
//! ```
//!
//! A mutant is a change to what the suite sees of a runtime (`Twist`), so the same one runs over every
//! runtime here; or, marked *R*, a switch inside runtime-default or the toy, which exists only with
//! `--cfg runtime_mutants`. `cargo xtask mutants` builds and runs all of it.
//!
//! # Files
//!
//! `mutants/<group>.rs`: the mutants of a group, and nothing else; `mutant` how they are registered;
//! `decorate` help for those that replace a hook; `subject` runtimes with a mutant in them; `runner`
//! the rest.
#![forbid(unsafe_code)]

mod decorate;
mod erased;
mod mutant;
mod mutants;
mod runner;
mod subject;

use std::process::ExitCode;

fn main() -> ExitCode {
    match subject::chosen() {
        Some(subject) => runtime_conformance::main(subject),
        None => runner::main(),
    }
}
