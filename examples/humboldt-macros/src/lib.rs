//! `#[humboldt::main]` and `#[humboldt::test]`.
//!
//! The compiler wants attributes in a crate of their own. All that this one knows is the path of the
//! runtime's crate, because an attribute does not learn the path it was called by.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;

/// Runs an `async fn` on humboldt.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::main(args.into(), item.into(), "::humboldt").into()
}

/// Runs an `async fn` as a test on humboldt.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::test(args.into(), item.into(), "::humboldt").into()
}
