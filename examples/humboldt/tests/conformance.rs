//! The contract, clause by clause, on humboldt: with two workers, and with one.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

#[path = "support/harness.rs"]
mod harness;

fn main() -> std::process::ExitCode {
    runtime_conformance::main(harness::Humboldt)
}
