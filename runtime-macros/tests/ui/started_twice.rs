//! Two attributes that start the same function.
#![allow(unused_imports)] // those of attributes that we refuse to run

mod one {
    pub use runtime_macros::{default_main as main, default_test as test};
}

mod other {
    pub use runtime_macros::{smol_main as main, smol_test as test};
}

#[one::test]
#[test]
async fn two_tests() {}

#[one::test]
#[other::test]
#[should_panic]
async fn two_runtimes() {}

#[one::test]
#[other::main]
async fn two_kinds() {}

#[one::main]
#[other::main]
async fn main() {}
