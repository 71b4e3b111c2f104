//! What programs do all day: follow a log, run children, talk, serve files. The runtime is a flag.
//!
//! ```sh
//! cargo run -p everyday -- follow /var/log/syslog
//! cargo run -p everyday -- --runtime tokio pipeline < Cargo.lock
//! cargo run -p everyday -- --runtime smol chat listen 127.0.0.1:7000
//! cargo run -p everyday -- chat join 127.0.0.1:7000 ada
//! cargo run -p everyday -- serve . 127.0.0.1:8000
//! ```
//!
//! `main.rs` is the only file that names a runtime. Each command is a file, written as a library is:
//!
//! | file | shows |
//! |---|---|
//! | `follow` | a descriptor that nobody has heard of (inotify) in `Async`, a file that grows |
//! | `pipeline` | children joined by pipes, stdin and its end, an exit status |
//! | `chat` | sockets, a terminal, `async-channel`, `futures-lite`'s `or` |
//! | `serve` | files, directories, `async-lock`'s `Semaphore`, an orderly end on Ctrl-C |

#![forbid(unsafe_code)]

mod chat;
#[cfg(target_os = "linux")]
mod follow;
mod pipeline;
mod serve;

use std::env;
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

use futures_lite::future::or;
use runtime_traits::{io, signal};

const USAGE: &str = "\
usage: everyday [--runtime default|tokio|smol] COMMAND

  follow FILE             print FILE and what is appended to it, through rotations (Linux)
  pipeline                stdin | tr a-z A-Z | gzip -1 | wc -c
  chat listen ADDRESS     pass on what each member says to the others
  chat join ADDRESS NAME  say what comes on stdin, print what the others say
  serve DIRECTORY ADDRESS answer GET and HEAD with the files below DIRECTORY

Ctrl-C ends each of them.";

fn main() -> ExitCode {
    let mut args: Vec<String> = env::args().skip(1).collect();
    let runtime = match args.first().map(String::as_str) {
        Some("--runtime") if args.len() > 1 => args.drain(..2).nth(1).unwrap_or_default(),
        _ => "default".to_owned(),
    };
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let program = run(&args);
    let done = match runtime.as_str() {
        "default" => runtime_default::entry(|_| {}, program),
        "tokio" => runtime_tokio::entry(|_| {}, program),
        "smol" => runtime_smol::entry(|_| {}, program),
        _ => Err(wrong(format!("there is no runtime `{runtime}` here"))),
    };
    match done {
        Ok(code) => code,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            eprintln!("everyday: {error}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("everyday: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &[&str]) -> io::Result<ExitCode> {
    match args {
        #[cfg(target_os = "linux")]
        ["follow", file] => until_ctrl_c(follow::follow(Path::new(file))).await,
        ["pipeline"] => pipeline::pipeline().await,
        ["chat", "listen", at] => until_ctrl_c(chat::listen(at)).await,
        ["chat", "join", at, name] => until_ctrl_c(chat::join(at, name)).await,
        ["serve", root, at] => serve::serve(Path::new(root), at).await,
        ["--help"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(wrong("there is no such command")),
    }
}

/// Runs `program`, which is dropped where it stands when somebody presses Ctrl-C.
async fn until_ctrl_c(program: impl Future<Output = io::Result<()>>) -> io::Result<ExitCode> {
    or(program, signal::ctrl_c()).await?;
    Ok(ExitCode::SUCCESS)
}

/// Answered with the usage.
fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.into())
}
