//! Alan's program, and Barbara's: the same but for the attribute. The library they use, and every
//! task, timer and socket in it, follows.
//!
//! Run them with `cargo run -p story --bin on_default` (or `on_humboldt`, `on_tokio`).

#![forbid(unsafe_code)]

use library_only::{Server, ask};
use runtime_traits::time::{Duration, timeout};
use runtime_traits::{Handle, io, spawn};

#[runtime_default::main]
async fn main() -> io::Result<()> {
    let server = Server::bind("127.0.0.1:0").await?;
    let addr = server.local_addr()?;
    let serving = spawn(server.run());
    let answer = timeout(Duration::from_secs(10), ask(addr, "hello")).await??;
    println!("{answer}, says the server on runtime `{}`", Handle::current().info().name);
    serving.abort();
    Ok(())
}
