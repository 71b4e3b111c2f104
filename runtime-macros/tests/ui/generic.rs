//! Nobody chooses the type arguments.

#[runtime_macros::default_main]
async fn main<T: Default>() {
    T::default();
}

#[runtime_macros::default_main]
async fn run<'a, const N: usize>(text: &'a str) -> &'a str {
    &text[N..]
}

#[runtime_macros::default_test]
async fn test<T>() {}
