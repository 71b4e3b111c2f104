//! The `#[main]` and `#[test]` attributes of this workspace's runtimes.
//!
//! Nobody depends on this crate directly. Each runtime re-exports its two attributes under their
//! short names (`pub use runtime_macros::default_main as main;`), and `runtime-traits` re-exports
//! [`main`] and [`test`], which take the runtime as an argument.
//!
//! Everything happens in `runtime-macros-core`; a runtime from elsewhere uses that library and
//! has an attribute crate of its own, as small as a part of this one.
//!
//! # Options
//!
//! All attributes take these, each at most once, separated by commas:
//!
//! | option | asks for |
//! |---|---|
//! | `worker_threads = 2` | that many worker threads, 1 to 65535 |
//! | `flavor = "multi_thread"` | tasks on worker threads, as without this option |
//! | `flavor = "current_thread"` | tasks on the thread that called, no worker threads |
//! | `require(timer, net, …)` | a start only if the runtime has all of these capabilities |
//!
//! `require` knows `timer`, `net`, `reactor`, `blocking`, `local`, `completion`, `block_on`,
//! `fs`, `process`, `signal`. What
//! is missing is reported at the start, all at once, rather than where it is first used.
//!
//! # The function
//!
//! Is an `async fn` without type parameters, no method; return type, attributes and visibility
//! are kept. `main` has no arguments, other functions under a *main* attribute may have some: they
//! become plain functions that start the runtime, run to the end and return. A test has none, and
//! `#[should_panic]`, `#[ignore]` and `Result` work as with std's `#[test]`.
//!
//! # Renamed crates
//!
//! An attribute writes the path of its runtime's crate, such as `::runtime_default`. If your
//! `Cargo.toml` gives that crate another name, say so: `#[runtime_traits::main(runtime(name))]`.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;

/// Starts `runtime-default` and runs this `async fn` on it, as `runtime_default::main`.
///
/// ```text
/// #[runtime_default::main(worker_threads = 2, require(timer))]
/// async fn main() -> std::io::Result<()> {
///     runtime_traits::time::sleep(Duration::from_millis(10)).await;
///     Ok(())
/// }
/// ```
///
/// Options and rules are those of [this crate](crate#options).
#[proc_macro_attribute]
pub fn default_main(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::main(args.into(), item.into(), "::runtime_default").into()
}

/// Makes this `async fn` a test on `runtime-default`, as `runtime_default::test`.
///
/// ```text
/// #[runtime_default::test]
/// async fn one_and_one() {
///     assert_eq!(runtime_traits::spawn(async { 1 + 1 }).await.unwrap(), 2);
/// }
/// ```
///
/// Options and rules are those of [this crate](crate#options).
#[proc_macro_attribute]
pub fn default_test(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::test(args.into(), item.into(), "::runtime_default").into()
}

/// Starts tokio and runs this `async fn` on it, as `runtime_tokio::main`.
///
/// Unlike `#[tokio::main]` it also makes tokio the current runtime of `runtime-traits`.
/// Options and rules are those of [this crate](crate#options).
#[proc_macro_attribute]
pub fn tokio_main(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::main(args.into(), item.into(), "::runtime_tokio").into()
}

/// Makes this `async fn` a test on tokio, as `runtime_tokio::test`.
///
/// Options and rules are those of [this crate](crate#options).
#[proc_macro_attribute]
pub fn tokio_test(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::test(args.into(), item.into(), "::runtime_tokio").into()
}

/// Starts smol and runs this `async fn` on it, as `runtime_smol::main`.
///
/// Options and rules are those of [this crate](crate#options).
#[proc_macro_attribute]
pub fn smol_main(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::main(args.into(), item.into(), "::runtime_smol").into()
}

/// Makes this `async fn` a test on smol, as `runtime_smol::test`.
///
/// Options and rules are those of [this crate](crate#options).
#[proc_macro_attribute]
pub fn smol_test(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::test(args.into(), item.into(), "::runtime_smol").into()
}

/// Starts the runtime named in the arguments and runs this `async fn` on it, as
/// `runtime_traits::main`.
///
/// ```text
/// #[runtime_traits::main(runtime(runtime_default), worker_threads = 2)]
/// async fn main() {}
/// ```
///
/// The path is that of the runtime's crate, or of a module with the items of the entry protocol
/// (see `runtime-macros-core`). Other options and rules are those of [this crate](crate#options).
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::main_on(args.into(), item.into()).into()
}

/// Makes this `async fn` a test on each runtime named in the arguments, as
/// `runtime_traits::test`.
///
/// ```text
/// #[runtime_traits::test(runtimes(runtime_default, runtime_tokio, crate::toy))]
/// async fn sums() -> Result<(), Error> {
///     Ok(())
/// }
/// ```
///
/// makes the tests `sums::runtime_default`, `sums::runtime_tokio` and `sums::toy`; the function
/// itself stays as it is. With `runtime(path)` it is one test, under the function's own name.
/// Other options and rules are those of [this crate](crate#options).
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::test_on(args.into(), item.into()).into()
}
