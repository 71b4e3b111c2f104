//! What stands beside a `compile_error!`, so that one mistake gives one message.
//!
//! If the function simply vanished, rustc would go on to report what is missing: `main`, the
//! callee of a call, the use of an import. So a stand-in with the same name and the same body
//! stays. It is never run, only type-checked, and free of the faults that we report ourselves:
//!
//! | the function | stands in |
//! |---|---|
//! | a test | the `async fn` alone: nobody calls a test |
//! | can be called | the usual expansion, on a runtime of two lines that is written into it |
//! | `main` with arguments or generics | an empty `main` around the `async fn` |
//! | any other | itself: callers find the signature they expect |

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Token, parse_quote};

use crate::expand;
use crate::function::{Function, Role, is_starter};

/// The fault, and the item as it was.
pub(crate) fn other_item(fault: &Error, item: TokenStream) -> TokenStream {
    let fault = fault.to_compile_error();
    quote!(#fault #item)
}

/// The fault, and a stand-in for the function.
pub(crate) fn function(role: Role, fault: &Error, function: Function) -> TokenStream {
    let fault = fault.to_compile_error();
    let stand_in = stand_in(role, mended(function));
    quote!(#fault #stand_in)
}

/// The function without what would make rustc complain a second time.
fn mended(mut function: Function) -> Function {
    function.attrs.retain(|attr| !is_starter(attr) && !expand::is_for_harness(attr));
    function.attrs.push(parse_quote!(#[allow(dead_code)]));
    function.sig.asyncness.get_or_insert_with(<Token![async]>::default);
    function
}

fn stand_in(role: Role, function: Function) -> TokenStream {
    match role {
        Role::Main if function.is_callable() => expand::wrapped(&function, never_runs),
        Role::Main if function.is_main() => around(&function),
        Role::Main => alone(&function),
        Role::Test => {
            let alone = alone(&function);
            quote!(#[cfg(test)] #alone)
        }
    }
}

/// Has the type of the future's output, whatever that is, and makes no other demand.
fn never_runs(future: TokenStream) -> TokenStream {
    quote! {{
        fn entry<F: ::core::future::Future>(_: F) -> F::Output { ::core::unreachable!() }
        entry(#future)
    }}
}

fn around(function: &Function) -> TokenStream {
    let (name, alone) = (&function.sig.ident, alone(function));
    quote!(fn #name() { #alone })
}

fn alone(Function { attrs, vis, sig, body }: &Function) -> TokenStream {
    quote!(#(#attrs)* #vis #sig #body)
}
