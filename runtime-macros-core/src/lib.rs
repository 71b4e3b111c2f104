//! The expansion of `#[main]` and `#[test]` as an ordinary library.
//!
//! An attribute does not learn the path it was called by, so each runtime has a small attribute
//! crate of its own that says which runtime it stands for. This library is what those crates
//! share. It knows no runtime and no other crate of its workspace.
//!
//! ```text
//!  #[main(args)] item
//!        │      │
//!        │      └──▶ function ──▶ may it be started? ──┐
//!        └─────────▶ options ───▶ runtime, settings ───┤
//!                                                      ├─ both fine ─▶ expand
//!                                                      └─ a fault ───▶ compile_error! + recover
//! ```
//!
//! # An attribute crate for your runtime
//!
//! This is a whole one; it is built together with our tests.
//!
//! ```text
#![doc = include_str!("../examples/humboldt_macros.rs")]
//! ```
//!
//! The runtime then writes `pub use humboldt_macros::{main, test};`. Inside its own crate, in unit
//! tests, the path `::humboldt` does not resolve by itself: `extern crate self as humboldt;` helps.
//!
//! # The entry protocol
//!
//! The expansion of
//!
//! ```text
//! #[humboldt::main(worker_threads = 2, require(timer))]
//! async fn main() -> Result<(), Error> { body }
//! ```
//!
//! is
//!
//! ```text
//! fn main() -> Result<(), Error> {
//!     async fn main() -> Result<(), Error> { body }
//!     ::humboldt::entry(|config| { config.worker_threads(2); config.require("timer"); }, main())
//! }
//! ```
//!
//! and this is all that it asks of a runtime's crate. Both items may be `#[doc(hidden)]`.
//!
//! - **ENTRY-1** `pub fn entry<F: Future>(configure: impl FnOnce(&mut Config), main: F) -> F::Output`
//!   runs the future to its end. A host that cannot block (a browser) may return `()`, and may
//!   ask `F: 'static`; then its users' `main` returns nothing.
//! - **ENTRY-2** `Config` has the methods `worker_threads(usize)`, `current_thread()` and
//!   `require(&'static str)`, each from `&mut self` to `&mut Self`. Each is called at most once,
//!   except `require`, which is called once for each capability.
//! - **ENTRY-3** `configure` runs before the future is polled. What the runtime cannot give is
//!   reported by `entry`, all of it at once, and the future is not polled then.
//!
//! # Invariants
//!
//! - **X1** The user's body, signature and attributes keep their spans: errors point at them.
//! - **X2** Names that we introduce are hygienic; they neither capture nor shadow the user's.
//! - **X3** Whatever is refused is refused with a message that says what to write instead, on the
//!   guilty token, and with a stand-in for the function, so that no second error follows.
//!
//! Not here: what a runtime does with its settings, and whether a runtime exists. A path that
//! does not resolve is reported by rustc, on the path.

#![forbid(unsafe_code)]

mod expand;
mod function;
mod options;
mod recover;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;

use crate::function::{Function, Role};
use crate::options::{Naming, Options};

/// `#[main]` of one runtime: makes an `async fn` one that starts `runtime` and waits.
///
/// `runtime` is the path of the runtime's crate, such as `"::humboldt"`. The options are
/// `worker_threads = 2`, `flavor = "multi_thread"` or `"current_thread"`, and `require(timer, …)`.
pub fn main(args: TokenStream, item: TokenStream, runtime: &str) -> TokenStream {
    attribute(Role::Main, Naming::Fixed(runtime), args, item)
}

/// `#[test]` of one runtime: makes an `async fn` a test that runs on `runtime`.
///
/// Options as for [`main()`]. Attributes such as `#[should_panic]` and return types work as with
/// std's `#[test]`.
pub fn test(args: TokenStream, item: TokenStream, runtime: &str) -> TokenStream {
    attribute(Role::Test, Naming::Fixed(runtime), args, item)
}

/// `#[main]` of no runtime: as [`main()`], with the runtime among the options, `runtime(path)`.
pub fn main_on(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Role::Main, Naming::One, args, item)
}

/// `#[test]` of no runtime: as [`test()`], with one more option, `runtime(path)` or
/// `runtimes(path, …)`.
///
/// The second form makes a module with the function's name and in it one test for each runtime,
/// named after the last segment of the runtime's path.
pub fn test_on(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Role::Test, Naming::OneOrMany, args, item)
}

/// Reads both inputs, reports the faults of both, expands if there are none.
fn attribute(role: Role, naming: Naming<'_>, args: TokenStream, item: TokenStream) -> TokenStream {
    let function = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => function,
        Err(fault) => return recover::other_item(&fault, item),
    };
    let options = Options::parse(args, naming).and_then(|options| {
        options.fit(&function)?;
        Ok(options)
    });
    match (function.check(role), options) {
        (Ok(()), Ok(options)) => expand::function(role, &function, &options),
        (Err(mut fault), Err(other)) => {
            fault.combine(other);
            recover::function(role, &fault, function)
        }
        (Err(fault), _) | (_, Err(fault)) => recover::function(role, &fault, function),
    }
}
