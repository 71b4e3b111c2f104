//! `#[humboldt::main]` and `#[humboldt::test]`.

use proc_macro::TokenStream;

/// Runs the function on humboldt.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::main(args.into(), item.into(), "::humboldt").into()
}

/// Runs the function as a test on humboldt.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    runtime_macros_core::test(args.into(), item.into(), "::humboldt").into()
}
