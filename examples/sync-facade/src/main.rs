//! A plain `fn` over async code, for callers who are not async themselves.
//!
//! Run it with `cargo run -p sync-facade`. It calls the same function from
//!
//! | where | what happens |
//! |---|---|
//! | a plain `main` | it works: the thread waits |
//! | a task | an error, at once: waiting there would stop the task's own runtime |
//! | `spawn_blocking` inside a task | it works: that thread may wait |
//! | a task of another runtime | it works, and stops a worker of that one; better is the row above |

#![forbid(unsafe_code)]

use runtime_traits::task::spawn_blocking;
use runtime_traits::time::{Duration, sleep};
use runtime_traits::{io, spawn};

/// What the library offers to async callers.
async fn answer() -> u32 {
    let half = spawn(async {
        sleep(Duration::from_millis(10)).await;
        21
    });
    half.await.map_or(0, |half| 2 * half)
}

/// The same for everybody else. (`runtime_default::block_on` panics where this answers an error.)
fn answer_blocking() -> io::Result<u32> {
    Ok(runtime_default::handle().block_on(answer())?)
}

fn main() -> io::Result<()> {
    println!("a plain main: {}", answer_blocking()?);

    // Async code in the same program, which calls the plain function without knowing better.
    let program = async {
        let wrong = spawn(async { answer_blocking() }).await?.unwrap_err();
        println!("a task: {wrong}");

        let right = spawn(async { spawn_blocking(answer_blocking).await });
        println!("spawn_blocking in a task: {}", right.await???);
        io::Result::Ok(())
    };
    runtime_default::block_on(program)?;

    // A runtime of its own is another one: the two do not wait for each other's threads.
    let other = runtime_default::Builder::new().current_thread().build()?;
    println!("a task of another runtime: {}", other.block_on(async { answer_blocking() })?);
    Ok(())
}
