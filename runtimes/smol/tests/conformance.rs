//! The contract, clause by clause, on smol: with workers, without, and as a guest.

#[path = "support/harness.rs"]
mod harness;

fn main() -> std::process::ExitCode {
    runtime_conformance::main(harness::Smol)
}
