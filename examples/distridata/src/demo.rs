//! Three nodes on three runtimes: what a visitor runs first.

use std::process::ExitCode;

/// The whole program.
pub(crate) async fn demo() -> ExitCode {
    ExitCode::SUCCESS
}
