//! The contract, clause by clause, on every flavour of this runtime.

#[path = "support/harness.rs"]
mod harness;

fn main() -> std::process::ExitCode {
    runtime_conformance::main(harness::Default)
}
