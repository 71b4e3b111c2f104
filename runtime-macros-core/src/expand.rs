//! Writes the code that stands in the place of the function.
//!
//! The `async fn` moves, untouched, into a plain function with the same name, attributes and
//! signature, which hands it to the runtime:
//!
//! ```text
//!  fn name(argument: A) -> R {                   attributes and visibility of the user
//!      async fn name(pattern: A) -> R { body }   every token the user's
//!      path::entry(|config| { … }, name(argument))
//!  }
//! ```
//!
//! An inner function rather than an `async` block, because the block could not say its return
//! type: `return`, `?` and `-> impl Trait` would lose their meaning.
//!
//! With several runtimes there is nothing to wrap: the `async fn` stays and a module of the same
//! name holds one test for each. A module cannot repeat a return type (`self::Error` would mean
//! something else in it), so its tests return `impl Termination`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, Pat, Path, ReturnType, Signature, Type};
use syn::{parse_quote, parse_quote_spanned};

use crate::function::{Function, Role};
use crate::options::{Flavor, Options, Runtimes, Settings, last};

/// The whole expansion.
pub(crate) fn function(role: Role, function: &Function, options: &Options) -> TokenStream {
    let settings = &options.settings;
    let start = |runtime| move |future| entry(runtime, settings, &future);
    match (role, &options.runtimes) {
        (Role::Main, Runtimes::One(runtime)) => wrapped(function, start(runtime)),
        (_, Runtimes::One(runtime)) => {
            let wrapped = wrapped(function, start(runtime));
            // Not `#[test]`: the user may have imported an attribute of that name.
            quote!(#[::core::prelude::v1::test] #wrapped)
        }
        (_, Runtimes::Each(runtimes)) => module(function, runtimes, settings),
    }
}

/// The plain function around the async one; `start` makes an expression from the future's.
pub(crate) fn wrapped(
    function: &Function,
    start: impl FnOnce(TokenStream) -> TokenStream,
) -> TokenStream {
    let Function { attrs, vis, sig, body } = function;
    let name = &sig.ident;
    let patterns = function.typed_arguments().map(|argument| &*argument.pat);
    let names = patterns.enumerate().map(|(at, pattern)| outer_name(name, at, pattern));
    let names: Vec<_> = names.collect();
    let outer = outer_signature(function, &names);
    let call = start(quote!(#name(#(#names),*)));
    quote! {
        #(#attrs)*
        #vis #outer {
            #sig #body
            #call
        }
    }
}

/// The signature with names for patterns and without `async`.
fn outer_signature(function: &Function, names: &[Ident]) -> Signature {
    let types = function.typed_arguments().map(|argument| &argument.ty);
    let argument = |(ty, name)| -> FnArg { parse_quote!(#name: #ty) };
    let inputs = types.zip(names).map(argument).collect();
    Signature { asyncness: None, inputs, ..function.sig.clone() }
}

/// A name for an argument: the user's where it has one, for the documentation's sake, unless the
/// inner function has the same name and would hide it.
fn outer_name(function: &Ident, at: usize, pattern: &Pat) -> Ident {
    let mut name = match pattern {
        Pat::Ident(pattern) if pattern.ident != *function => pattern.ident.clone(),
        _ => format_ident!("__argument{at}"),
    };
    name.set_span(ours(pattern.span()));
    name
}

/// `path::entry(|config| { … }, future)`.
fn entry(runtime: &Path, settings: &Settings, future: &TokenStream) -> TokenStream {
    let span = ours(last(runtime).span());
    let configure = configure(settings);
    quote_spanned!(span=> #runtime::entry(#configure, #future))
}

/// The closure that tells the runtime its settings.
fn configure(settings: &Settings) -> TokenStream {
    let threads = settings.worker_threads.iter();
    let current =
        (settings.flavor == Some(Flavor::CurrentThread)).then(|| quote!(current_thread()));
    let require = &settings.require;
    let calls = threads
        .map(|threads| quote!(worker_threads(#threads)))
        .chain(current)
        .chain(require.iter().map(|name| quote!(require(#name))));
    let calls: Vec<_> = calls.collect();
    let config = Ident::new("config", Span::mixed_site());
    if calls.is_empty() { quote!(|_| {}) } else { quote!(|#config| { #(#config.#calls;)* }) }
}

/// The `async fn` as it is, and beside it a module with one test for each runtime.
fn module(function: &Function, runtimes: &[Path], settings: &Settings) -> TokenStream {
    let Function { attrs, vis, sig, body } = function;
    // Conditions of compilation hold for both, lints and documentation for the function.
    let (of_tests, of_function): (Vec<_>, Vec<_>) = attrs.iter().partition(|a| is_for_harness(a));
    let conditions: Vec<_> = of_function.iter().filter(|a| a.path().is_ident("cfg")).collect();
    let name = &sig.ident;
    let tests = runtimes.iter().map(|path| test_in_module(function, path, settings, &of_tests));
    quote! {
        #[cfg(test)]
        #(#of_function)*
        #vis #sig #body

        #[cfg(test)]
        #(#conditions)*
        mod #name {
            #[allow(unused_imports)]
            use super::*;
            #(#tests)*
        }
    }
}

/// One test of the module. It calls the function from below, where paths read differently.
fn test_in_module(
    function: &Function,
    runtime: &Path,
    settings: &Settings,
    attrs: &[&Attribute],
) -> TokenStream {
    let (name, test) = (&function.sig.ident, last(runtime));
    let output = termination(&function.sig.output);
    let call = entry(&from_below(runtime), settings, &quote!(super::#name()));
    quote! {
        #[::core::prelude::v1::test]
        #(#attrs)*
        fn #test() #output { #call }
    }
}

/// Whether an attribute speaks to the test harness, also under a condition (`cfg_attr(…, ignore)`).
pub(crate) fn is_for_harness(attr: &Attribute) -> bool {
    let speaks = |path: &Path| path.is_ident("should_panic") || path.is_ident("ignore");
    if !attr.path().is_ident("cfg_attr") {
        return speaks(attr.path());
    }
    attr.meta.require_list().is_ok_and(|list| {
        list.tokens.clone().into_iter().any(|token| {
            let token = token.to_string();
            token == "should_panic" || token == "ignore"
        })
    })
}

/// What a test in the module returns. Nothing stays nothing: `#[should_panic]` insists on it.
fn termination(output: &ReturnType) -> TokenStream {
    match output {
        ReturnType::Default => TokenStream::new(),
        ReturnType::Type(_, ty) if is_unit(ty) => TokenStream::new(),
        ReturnType::Type(_, ty) => {
            quote_spanned!(ours(ty.span())=> -> impl ::std::process::Termination)
        }
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// The path as it reads one module further down: `self::x` is `super::x` there.
fn from_below(path: &Path) -> Path {
    let first = &path.segments[0].ident;
    let rest = path.segments.iter().skip(1);
    match first.to_string().as_str() {
        "self" => parse_quote_spanned!(first.span()=> super #(::#rest)*),
        "super" => parse_quote_spanned!(first.span()=> super::#path),
        _ => path.clone(),
    }
}

/// Points at the user's code, but neither sees nor hides the user's local names.
fn ours(span: Span) -> Span {
    span.resolved_at(Span::mixed_site())
}
