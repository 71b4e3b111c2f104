//! Tests written with the *test* attributes: that they run is the test.
//!
//! Two toys play the part of two runtimes. `extern crate self` lets this file stand in for the
//! crate `runtime_default`.

#[path = "support/toy.rs"]
pub mod toy;

pub use toy::{Config, entry};
extern crate self as runtime_default;

/// A second runtime, by another path.
pub mod other {
    pub use crate::toy as second_toy;
}

#[derive(Debug, PartialEq)]
struct Failure;

#[runtime_macros::test(runtime(toy), worker_threads = 3, require(timer, net))]
async fn settings_reach_the_runtime() {
    toy::yield_once().await;
    let asked = toy::asked();
    assert_eq!(asked.worker_threads, Some(3));
    assert_eq!(asked.require, ["timer", "net"]);
    assert!(!asked.current_thread);
}

#[runtime_macros::default_test(flavor = "current_thread")]
async fn a_fixed_runtime_is_found_by_its_crate() {
    assert!(toy::asked().current_thread);
}

#[runtime_macros::test(runtime(self::toy))]
async fn a_result_may_be_returned() -> Result<(), Failure> {
    let number: i32 = "3".parse().map_err(|_| Failure)?;
    if number == 3 { Ok(()) } else { Err(Failure) }
}

#[runtime_macros::test(runtime(toy))]
#[should_panic(expected = "on purpose")]
async fn a_panic_may_be_expected() {
    panic!("on purpose");
}

#[runtime_macros::test(runtimes(toy, other::second_toy), worker_threads = 1)]
async fn each_runtime_gets_a_test() {
    toy::yield_once().await;
    assert_eq!(toy::asked().worker_threads, Some(1));
}

#[runtime_macros::test(runtimes(toy, other::second_toy, ::runtime_default))]
#[should_panic(expected = "everywhere")]
async fn each_of_several_may_be_expected_to_panic() {
    panic!("everywhere");
}

/// Documentation stays with the function.
#[runtime_macros::test(runtimes(toy))]
#[expect(unused_variables, reason = "lints stay with the function too")]
async fn attributes_of_the_function_stay_with_it() {
    let unused = 1;
}

#[runtime_macros::test(runtimes(toy))]
async fn each_of_several_may_return_a_result() -> Result<(), self::Failure> {
    Ok(())
}

#[test]
fn the_async_function_stays_callable() {
    let direct = toy::entry(|_| {}, each_of_several_may_return_a_result());
    assert_eq!(direct, Ok(()));
}

mod deeper {
    #[runtime_macros::test(runtimes(super::toy, crate::other::second_toy, self::local))]
    async fn paths_mean_the_same_as_outside() {}

    mod local {
        pub(super) use crate::toy::entry;
    }
}

mod renamed {
    use crate::{other::second_toy as crate_toy, toy};

    #[runtime_macros::test(runtimes(toy, crate_toy))]
    async fn imported_names_are_found() {}
}

mod imported {
    use runtime_macros::default_test as test;

    #[test]
    async fn an_attribute_may_be_imported_as_test() {
        crate::toy::yield_once().await;
    }
}

macro_rules! tests {
    ($($name:ident $body:block)*) => {
        $(#[runtime_macros::test(runtimes($crate::toy))] async fn $name() $body)*
    };
}

tests! {
    a_macro_may_write_tests { toy::yield_once().await }
}
