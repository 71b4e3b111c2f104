//! Child processes, as std has them.
//!
//! Names, arguments and results are std's; what waits is `async`. On Unix no thread waits; on Windows
//! threads of the runtime's do, which are those for [blocking closures](crate::task::spawn_blocking).
//!
//! ```
//! use runtime_traits::{io, process::Command};
//!
//! async fn version(compiler: &str) -> io::Result<String> {
//!     let output = Command::new(compiler).arg("--version").output().await?;
//!     Ok(String::from_utf8_lossy(&output.stdout).into_owned())
//! }
//! ```
//!
//! # What happens to a child when …
//!
//! | | |
//! |---|---|
//! | its [`Child`] is dropped | it goes on; when it exits, its runtime reaps it, or, if nobody drives that, the start of one of the program's next children |
//! | … with [`kill_on_drop`](Command::kill_on_drop) | it is killed, then reaped |
//! | its runtime ends | it goes on; whoever waits is told; it is reaped when the program starts one of its next children |
//! | another part of the program waits for a child of its own | nothing: every wait is for one number |
//! | another part of the program waits for *any* child | its status may be lost, and `wait` answers `ECHILD`, as in std |
//! | the program ignores `SIGCHLD` | the system reaps it, and `wait` answers `ECHILD`, as in std |
//! | it exits before anybody waits | its status is kept for whoever waits first, and then by the [`Child`] |
//! | it closes its input, or exits, with bytes under way | a write that waits, and each after it, is `BrokenPipe`; bytes in the pipe are lost |
//! | it starts a child of its own, which keeps its pipes | [`wait`](Child::wait) does not mind; what reads an output to its end, as [`output`](Command::output) does, waits for both |
//! | it ignores `SIGTERM` | it goes on; [`kill`](Child::kill) cannot be ignored |
//! | it is stopped | it has not exited: `wait` waits |
//! | no descriptor is left for it | `spawn` tells the system's error (`EMFILE`), and there is no child |
//!
//! # Files
//!
//! ```text
//!  command   Command: std's, and how it is started
//!     │
//!   child    Child: a watched one, or the runtime's own        output   collects what it writes
//!     │                                                           │
//!  watched   std's child, with an `exit`    ──▶  reaper         pipes   ChildStdin, …, over a `link`
//!     │                                    when dropped
//!   exit     what becomes readable when it exits: a pidfd, or a bell for SIGCHLD;
//!            on Windows, a thread that waits for it
//! ```
#![cfg(any(unix, windows))]

pub use std::process::{CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};

mod child;
mod command;
mod output;
mod pipes;
mod watched;

#[cfg(unix)]
mod exit;
#[cfg(windows)]
#[path = "process/exit/windows.rs"]
mod exit;
#[cfg(unix)]
mod reaper;
#[cfg(windows)]
#[path = "process/reaper/none.rs"]
mod reaper;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};
