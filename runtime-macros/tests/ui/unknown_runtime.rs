//! Paths that lead nowhere are reported by rustc, where they stand.

mod empty {}

#[runtime_macros::main(runtime(runtime_that_nobody_wrote))]
async fn main() {}

#[runtime_macros::main(runtime(crate::toys::toy))]
async fn module() {}

#[runtime_macros::main(runtime(empty))]
async fn no_entry() {}

#[runtime_macros::default_main]
async fn fixed() {}
