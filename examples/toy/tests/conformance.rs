//! The contract, clause by clause, on the toy.

#[path = "support/harness.rs"]
mod harness;

fn main() -> std::process::ExitCode {
    runtime_conformance::main(harness::ToyHarness)
}
