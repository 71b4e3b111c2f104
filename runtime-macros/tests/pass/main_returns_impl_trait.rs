//! A return type need not be named.

#[path = "../support/toy.rs"]
mod toy;

#[runtime_macros::main(runtime(crate::toy))]
async fn main() -> impl std::process::Termination {
    toy::yield_once().await;
    Ok::<(), std::fmt::Error>(())
}
