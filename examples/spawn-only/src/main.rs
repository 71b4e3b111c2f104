//! A program that only spawns. What it does not use is not in it: no socket, no name look-up.
//!
//! Run it with `cargo run --release -p spawn-only`; `tests/holds_no_sockets.rs` looks into the file
//! that comes out.

#![forbid(unsafe_code)]

#[runtime_default::main]
async fn main() -> Result<(), runtime_traits::JoinError> {
    let tasks = [1, 2, 3].map(|n| runtime_traits::spawn(async move { n }));
    let mut sum = 0;
    for task in tasks {
        sum += task.await?;
    }
    println!("one, two and three are {sum}");
    Ok(())
}
