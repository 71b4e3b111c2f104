//! `main` returns what no process can.

#[path = "../support/toy.rs"]
mod toy;

#[runtime_macros::main(runtime(toy))]
async fn main() -> u64 {
    7
}
