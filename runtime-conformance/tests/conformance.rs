//! The suite on the smallest correct runtime: what it takes to run it, and a check for false alarms.

#[path = "support/toy.rs"]
mod toy;

fn main() -> std::process::ExitCode {
    runtime_conformance::main(toy::ToyHarness::correct())
}
