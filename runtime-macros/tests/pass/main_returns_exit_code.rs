//! Any `Termination` will do.

#[path = "../support/toy.rs"]
mod toy;

use std::process::ExitCode;

#[runtime_macros::main(runtime(crate::toy), flavor = "current_thread",)]
async fn main() -> ExitCode {
    assert!(toy::asked().current_thread);
    ExitCode::SUCCESS
}
