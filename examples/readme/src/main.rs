//! The program in `README.md`, which `tests/quoted.rs` compares with this file.

#![forbid(unsafe_code)]

use runtime_traits::{io, net::TcpStream, spawn, time};
use std::time::Duration;

#[runtime_default::main] // or #[runtime_tokio::main], #[runtime_smol::main], your own
async fn main() -> io::Result<()> {
    let echo = spawn(async {
        let stream = TcpStream::connect("localhost:7").await?;
        stream.write_all(b"hello").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        io::Result::Ok(answer)
    });
    let answer = time::timeout(Duration::from_secs(5), echo).await??;
    println!("{}", String::from_utf8_lossy(&answer?));
    Ok(())
}
