//! A replicated key-value store whose runtime is chosen when it starts.
//!
//! ```sh
//! cargo run --release -p distridata -- demo
//! cargo run --release -p distridata -- serve --runtime tokio --listen 127.0.0.1:6380 --data /tmp/a
//! cargo run --release -p distridata -- serve --runtime smol --listen 127.0.0.1:6381 --data /tmp/b \
//!     --follow 127.0.0.1:6380
//! ```
//!
//! `main.rs` is the only file that calls a runtime. `demo` starts three nodes, kills one, and tells
//! what happens; `distridata-core` is the store itself, written as any library is.

#![forbid(unsafe_code)]

mod demo;
mod options;
mod say;
mod serve;

use std::future::Future;
use std::process::ExitCode;

use options::{Command, Runtime, USAGE};

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => {
            say::say(USAGE);
            ExitCode::SUCCESS
        }
        Ok(Command::Serve(options)) => on(options.runtime, serve::serve(options)),
        Ok(Command::Demo) => on(Runtime::Humboldt, demo::demo()),
        Err(fault) => {
            eprintln!("distridata: {fault}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Runs the program. What `#[runtime_default::main]` and the others expand to is a call of these.
fn on(runtime: Runtime, program: impl Future<Output = ExitCode>) -> ExitCode {
    match runtime {
        Runtime::Default => runtime_default::entry(|_| {}, program),
        Runtime::Tokio => runtime_tokio::entry(|_| {}, program),
        Runtime::Smol => runtime_smol::entry(|_| {}, program),
        Runtime::Humboldt => humboldt::entry(|_| {}, program),
    }
}
