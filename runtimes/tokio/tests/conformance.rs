//! The contract, clause by clause, on tokio: owned, and as a guest.

#[path = "support/harness.rs"]
mod harness;

fn main() -> std::process::ExitCode {
    runtime_conformance::main(harness::Tokio)
}
