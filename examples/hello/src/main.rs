//! Spawn, sleep, join, and a limit on time. Run it with `cargo run -p hello`.

#![forbid(unsafe_code)]

use runtime_traits::time::{Duration, sleep, timeout};
use runtime_traits::{JoinError, spawn};

#[runtime_default::main]
async fn main() -> Result<(), JoinError> {
    let mut slow = spawn(async {
        sleep(Duration::from_millis(100)).await;
        "hello"
    });
    let fast = spawn(async { 6 * 7 });
    println!("{} was there first", fast.await?);

    if timeout(Duration::from_millis(20), &mut slow).await.is_err() {
        println!("the other one takes its time, so we look again");
    }
    println!("{} at last", slow.await?);
    Ok(())
}
