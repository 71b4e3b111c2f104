//! The plainest program.

#[path = "../support/toy.rs"]
mod toy;

#[runtime_macros::main(runtime(toy))]
async fn main() {
    toy::yield_once().await;
}
