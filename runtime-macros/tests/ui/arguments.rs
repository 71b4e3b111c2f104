//! Nobody gives arguments to `main` and to tests.

#[runtime_macros::default_main]
async fn main(arguments: Vec<String>) {
    drop(arguments);
}

#[runtime_macros::default_test]
async fn test(number: u8, other: u8) {}
