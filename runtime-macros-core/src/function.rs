//! The function under the attribute, and whether it can be started.
//!
//! The body is kept as it came, one group of tokens. We do not need its insides, parsing them
//! would cost compile time, and syntax newer than our parser passes through.
//!
//! Not here: the attribute's own arguments (`options`), what becomes of the function (`expand`).

use proc_macro2::{Delimiter, Group, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, FnArg, Result, Signature, Visibility};

/// Attributes that start a function, by the last segment of their path.
const STARTERS: [&str; 3] = ["main", "test", "bench"];

/// What the attribute makes of a function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Something that is called: the program's `main`, or any function that starts a runtime.
    Main,
    /// A test: called by the test harness, without arguments.
    Test,
}

/// A function, its body unparsed.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
}

impl Parse for Function {
    /// rustc has parsed the item before us: what is no function here is another kind of item.
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        if input.fork().parse::<Signature>().is_err() {
            return Err(input.error("this is not a function: put the attribute on an `async fn`"));
        }
        let sig: Signature = input.parse()?;
        let Some(body) = braces(input.parse()?) else {
            let text = "this function has no body: put the attribute on an `async fn` with one";
            return Err(Error::new(sig.ident.span(), text));
        };
        Ok(Self { attrs, vis, sig, body })
    }
}

/// The group in braces; what came through a `$body:block` is wrapped in an invisible group.
fn braces(token: TokenTree) -> Option<Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            braces(group.stream().into_iter().next()?)
        }
        _ => None,
    }
}

impl Function {
    /// Says everything that keeps the function from being started, or nothing.
    pub(crate) fn check(&self, role: Role) -> Result<()> {
        let faults = [
            self.started_twice(),
            self.not_async(),
            self.qualified(),
            self.generic(),
            self.method(),
            self.arguments(role),
        ];
        let all = faults.into_iter().flatten().reduce(|mut all, next| {
            all.combine(next);
            all
        });
        all.map_or(Ok(()), Err)
    }

    /// Whether a plain call without type arguments, and for `main` one by the system, would do.
    pub(crate) fn is_callable(&self) -> bool {
        let faults = [self.qualified(), self.generic(), self.method(), self.arguments(Role::Main)];
        faults.iter().all(Option::is_none)
    }

    /// Whether this is `main`, which rustc itself looks for.
    pub(crate) fn is_main(&self) -> bool {
        self.sig.ident == "main"
    }

    /// Two attributes would each want to wrap the function, and the second would not find it async.
    fn started_twice(&self) -> Option<Error> {
        let second = self.attrs.iter().find(|attr| is_starter(attr))?;
        let text = "a second attribute that starts this function: keep one of the two\n\
                    (for one test on several runtimes: `#[runtime_traits::test(runtimes(a, b))]`)";
        Some(Error::new_spanned(second, text))
    }

    /// Without `async` there is nothing to wait for.
    fn not_async(&self) -> Option<Error> {
        let text = "this function is not async: write `async fn`, or remove the attribute";
        self.sig.asyncness.is_none().then(|| Error::new(self.sig.fn_token.span, text))
    }

    /// `unsafe` and `extern` would promise something to a caller whom we cannot see.
    fn qualified(&self) -> Option<Error> {
        let text = "the function that starts a runtime is a plain `async fn`: remove this word";
        let by_abi = self.sig.abi.as_ref().map(|abi| Error::new_spanned(abi, text));
        by_abi.or_else(|| Some(Error::new(self.sig.unsafety?.span, text)))
    }

    /// Type parameters would have to be chosen by whoever starts the function.
    fn generic(&self) -> Option<Error> {
        let generics = &self.sig.generics;
        let text = "the function that starts a runtime cannot be generic: remove these parameters";
        (!generics.params.is_empty()).then(|| Error::new_spanned(generics, text))
    }

    /// An inner function knows no `self`, so a method cannot be wrapped.
    fn method(&self) -> Option<Error> {
        let text = "the function that starts a runtime cannot be a method: \
                    make it a free `async fn` and call the method from there";
        Some(Error::new_spanned(self.sig.receiver()?, text))
    }

    /// The system and the test harness give none.
    fn arguments(&self, role: Role) -> Option<Error> {
        let text = match role {
            _ if self.sig.receiver().is_some() => return None,
            Role::Test => "a test takes no arguments: make the values in its body",
            Role::Main if self.is_main() => {
                "`main` takes no arguments: read the command line with `std::env::args()`"
            }
            Role::Main => return None,
        };
        let inputs = &self.sig.inputs;
        (!inputs.is_empty()).then(|| Error::new_spanned(inputs, text))
    }

    /// The arguments that are not `self`.
    pub(crate) fn typed_arguments(&self) -> impl Iterator<Item = &syn::PatType> {
        self.sig.inputs.iter().filter_map(|argument| match argument {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        })
    }
}

/// Whether this attribute starts the function too, such as std's or another runtime's `#[test]`.
///
/// `rustc_test_marker` is what std's `#[test]` leaves behind when it stands above ours.
pub(crate) fn is_starter(attr: &Attribute) -> bool {
    let last = attr.path().segments.last();
    last.is_some_and(|last| {
        last.ident == "rustc_test_marker" || STARTERS.iter().any(|name| last.ident == name)
    })
}
