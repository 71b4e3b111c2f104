//! The expansions, token by token. Meant to be read: they are the entry protocol by example.
//!
//! That expansions compile and run, and how errors look, is tested in `runtime-macros`.

use proc_macro2::TokenStream;
use quote::quote;

/// Compares tokens; their spelling with spaces is what a failure shows.
fn assert_same(found: TokenStream, expected: TokenStream) {
    assert_eq!(found.to_string(), expected.to_string());
}

fn says(found: TokenStream, text: &str) -> bool {
    found.to_string().contains(&format!("compile_error ! {{ \"{text}"))
}

#[test]
fn main_wraps_the_function_and_tells_the_runtime_its_settings() {
    let args = quote!(worker_threads = 2, require(timer, net));
    let item = quote! {
        /// Says hello.
        pub async fn main() -> Result<(), Error> { hello().await }
    };
    let expected = quote! {
        /// Says hello.
        pub fn main() -> Result<(), Error> {
            async fn main() -> Result<(), Error> { hello().await }
            ::humboldt::entry(
                |config| {
                    config.worker_threads(2);
                    config.require("timer");
                    config.require("net");
                },
                main()
            )
        }
    };
    assert_same(crate::main(args, item, "::humboldt"), expected);
}

#[test]
fn arguments_pass_through_under_names_that_collide_with_nothing() {
    let args = quote!(runtime(crate::toy), flavor = "current_thread");
    let item = quote!(
        async fn run(mut text: &str, (a, b): (u8, u8), run: u8) -> &str {
            text
        }
    );
    let expected = quote! {
        fn run(text: &str, __argument1: (u8, u8), __argument2: u8) -> &str {
            async fn run(mut text: &str, (a, b): (u8, u8), run: u8) -> &str { text }
            crate::toy::entry(
                |config| { config.current_thread(); },
                run(text, __argument1, __argument2)
            )
        }
    };
    assert_same(crate::main_on(args, item), expected);
}

#[test]
fn a_test_is_main_with_stds_attribute_before_it() {
    let item = quote!(
        #[should_panic]
        async fn fails() {
            panic!()
        }
    );
    let expected = quote! {
        #[::core::prelude::v1::test]
        #[should_panic]
        fn fails() {
            async fn fails() { panic!() }
            ::humboldt::entry(|_| {}, fails())
        }
    };
    assert_same(crate::test(quote!(), item, "::humboldt"), expected);
}

#[test]
fn several_runtimes_make_a_module_beside_the_function() {
    let args = quote!(runtimes(runtime_default, self::toy, super::other));
    let item = quote! {
        #[ignore]
        #[cfg(unix)]
        async fn sums() -> Result<(), Error> { Ok(()) }
    };
    let expected = quote! {
        #[cfg(test)]
        #[cfg(unix)]
        async fn sums() -> Result<(), Error> { Ok(()) }

        #[cfg(test)]
        #[cfg(unix)]
        mod sums {
            #[allow(unused_imports)]
            use super::*;

            #[::core::prelude::v1::test]
            #[ignore]
            fn runtime_default() -> impl ::std::process::Termination {
                runtime_default::entry(|_| {}, super::sums())
            }
            #[::core::prelude::v1::test]
            #[ignore]
            fn toy() -> impl ::std::process::Termination {
                super::toy::entry(|_| {}, super::sums())
            }
            #[::core::prelude::v1::test]
            #[ignore]
            fn other() -> impl ::std::process::Termination {
                super::super::other::entry(|_| {}, super::sums())
            }
        }
    };
    assert_same(crate::test_on(args, item), expected);
}

#[test]
fn a_refused_function_leaves_a_stand_in_that_type_checks_the_body() {
    let found = crate::main(
        quote!(),
        quote!(
            fn main() {
                later.await
            }
        ),
        "::humboldt",
    )
    .to_string();
    assert!(found.contains("async fn main () { later . await }"), "no stand-in: {found}");
    assert!(!found.contains("humboldt"), "the stand-in needs a runtime: {found}");
}

#[test]
fn a_faulty_attribute_crate_is_told_so() {
    let found = crate::main(
        quote!(),
        quote!(
            async fn main() {}
        ),
        "not a path",
    );
    assert!(says(found, "`not a path` is not the path of a runtime"));
}

#[test]
fn what_is_no_function_stays_as_it_is() {
    let found = crate::main(
        quote!(),
        quote!(
            struct Program;
        ),
        "::humboldt",
    );
    assert!(found.to_string().ends_with("struct Program ;"));
    assert!(says(found, "this is not a function"));
}
