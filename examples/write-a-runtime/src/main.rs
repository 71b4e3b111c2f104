//! A program on our own runtime. Apart from the attribute, nothing in it names pico.
//!
//! Run it with `cargo run -p write-a-runtime`.

#![forbid(unsafe_code)]

#[cfg(unix)]
#[pico::main]
async fn main() -> Result<(), runtime_traits::JoinError> {
    use runtime_traits::time::{Duration, sleep};

    let slow = runtime_traits::spawn(async {
        sleep(Duration::from_millis(30)).await;
        "slow"
    });
    let fast = runtime_traits::spawn(async { "fast" });
    println!("{} was first, then {}", fast.await?, slow.await?);
    println!("all of it on runtime `{}`", runtime_traits::Handle::current().info().name);
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    println!("pico sleeps in poll(2), which this system does not have");
}
