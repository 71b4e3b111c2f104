//! An HTTP server whose runtime is chosen when it starts.
//!
//! ```sh
//! cargo run --release -p hello-http                     # on runtime-default, at any free port
//! cargo run --release -p hello-http -- --runtime tokio --listen 127.0.0.1:8080
//! ```
//!
//! It prints where it listens and a `curl` line to try. `main.rs` is the only file that names a
//! runtime; `server.rs` is written as any library is; `rt.rs` connects hyper to `runtime-traits`.

mod rt;
mod server;

use std::net::SocketAddr;
use std::process::ExitCode;

use runtime_traits::net::TcpListener;
use runtime_traits::{Handle, io};

const USAGE: &str = "\
usage: hello-http [--runtime default|tokio|smol] [--listen ADDR]

  --runtime   what runs it (default: default)
  --listen    address and port (default: 127.0.0.1:0, which is any free port)";

/// What the command line asks for.
struct Options {
    runtime: String,
    listen: SocketAddr,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(fault) => return wrong(&fault),
    };
    let program = program(options.listen);
    // What `#[runtime_default::main]` and the others expand to is a call of these.
    match options.runtime.as_str() {
        "default" => runtime_default::entry(|_| {}, program),
        "tokio" => runtime_tokio::entry(|_| {}, program),
        "smol" => runtime_smol::entry(|_| {}, program),
        other => wrong(&format!("there is no runtime `{other}`")),
    }
}

/// The whole program, on whichever runtime.
async fn program(addr: SocketAddr) -> ExitCode {
    let failed = match TcpListener::bind(addr).await {
        Ok(listener) => match announce(&listener) {
            Ok(()) => server::serve(&listener).await,
            Err(error) => error,
        },
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            eprintln!("hello-http: {addr} is in use; stop who uses it, or pass another --listen");
            return ExitCode::FAILURE;
        }
        Err(error) => error,
    };
    eprintln!("hello-http: cannot serve at {addr}: {failed}");
    ExitCode::FAILURE
}

fn announce(listener: &TcpListener) -> io::Result<()> {
    let addr = listener.local_addr()?;
    println!("listening at http://{addr}/ on runtime `{}`", Handle::current().info().name);
    println!("try: curl -i http://{addr}/");
    Ok(())
}

/// `None`: help is wanted.
fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options =
        Options { runtime: "default".into(), listen: SocketAddr::from(([127, 0, 0, 1], 0)) };
    while let Some(flag) = args.next() {
        let mut value = || args.next().ok_or(format!("{flag} needs a value"));
        match flag.as_str() {
            "--runtime" => options.runtime = value()?,
            "--listen" => {
                let addr = value()?;
                let parsed = addr.parse();
                options.listen =
                    parsed.map_err(|_| format!("`{addr}` is not like 127.0.0.1:80"))?;
            }
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    Ok(Some(options))
}

fn wrong(fault: &str) -> ExitCode {
    eprintln!("hello-http: {fault}\n\n{USAGE}");
    ExitCode::from(2)
}
