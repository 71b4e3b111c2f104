//! Flavors that are none.

#[runtime_macros::default_main(flavor = "vanilla")]
async fn main() {}

#[runtime_macros::default_main(flavor = current_thread)]
async fn no_quotes() {}

#[runtime_macros::default_main(flavor = 1)]
async fn number() {}

#[runtime_macros::default_main(flavor)]
async fn alone() {}
