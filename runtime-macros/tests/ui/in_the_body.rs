//! The user's own mistakes are reported where they are.

#[path = "../support/toy.rs"]
mod toy;

#[runtime_macros::main(runtime(toy))]
async fn main() -> Result<(), std::fmt::Error> {
    let number: u8 = "one";
    drop(number);
    Ok(())
}

#[runtime_macros::main(runtime(toy))]
async fn missing() -> u8 {
    toy::yield_once().await;
}
