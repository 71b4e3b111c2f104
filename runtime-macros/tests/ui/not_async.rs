//! A function that is not async. Its body is checked all the same.

#[runtime_macros::default_main]
fn main() {
    std::future::ready(()).await
}

#[runtime_macros::default_test]
fn test() {}
