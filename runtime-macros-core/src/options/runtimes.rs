//! Which runtime, or which runtimes: fixed by the attribute, or named in its arguments.
//!
//! A runtime is named by the path of its crate or module, the one that has `entry`. We cannot
//! tell whether the path leads anywhere; it keeps the user's span, and rustc says so if not.
//!
//! Tests on several runtimes are named after the last segment of each path, in a module with the
//! name of the function. Hence two rules that only the form `runtimes(…)` has: last segments
//! differ, and no path begins with the function's name.

use proc_macro2::{Ident, Span};
use syn::parse::ParseStream;
use syn::{Error, Path, Result};

use super::syntax;

const HOW_ONE: &str = "write the path of one runtime, without quotes, as in \
                       `runtime(runtime_default)`";
const HOW_MANY: &str = "write the paths of runtimes, without quotes, as in \
                        `runtimes(runtime_default, runtime_tokio)`";

/// Who names the runtime.
#[derive(Clone, Copy)]
pub(crate) enum Naming<'a> {
    /// The attribute: this path.
    Fixed(&'a str),
    /// The arguments: `runtime(path)`.
    One,
    /// The arguments: `runtime(path)` or `runtimes(path, …)`.
    OneOrMany,
}

/// The runtimes that were named.
pub(crate) enum Runtimes {
    /// The function runs on this one.
    One(Path),
    /// One test for each of these; their last segments differ.
    Each(Vec<Path>),
}

impl Naming<'_> {
    /// The options as one would write them.
    pub(super) fn forms(self) -> &'static [&'static str] {
        match self {
            Naming::Fixed(_) => &[],
            Naming::One => &["runtime(path)"],
            Naming::OneOrMany => &["runtime(path)", "runtimes(path, path)"],
        }
    }

    /// Reads the rest of option `name`; `false` if the name is none of ours.
    pub(super) fn read(
        self,
        name: &Ident,
        input: ParseStream<'_>,
        named: &mut Option<Runtimes>,
    ) -> Result<bool> {
        if name != "runtime" && name != "runtimes" {
            return Ok(false);
        }
        self.allows(name)?;
        if named.is_some() {
            let text = "the runtime is named twice: keep either `runtime(…)` or `runtimes(…)`";
            return Err(Error::new(name.span(), text));
        }
        *named = Some(if name == "runtime" { one(name, input) } else { each(name, input) }?);
        Ok(true)
    }

    /// The runtimes after all arguments are read.
    pub(super) fn settle(self, named: Option<Runtimes>) -> Result<Runtimes> {
        match (self, named) {
            (Naming::Fixed(path), _) => fixed(path).map(Runtimes::One),
            (_, Some(named)) => Ok(named),
            (_, None) => {
                let text = "this attribute needs a runtime: add `runtime(path)` to its arguments, \
                            as in `(runtime(runtime_default))`";
                Err(Error::new(Span::call_site(), text))
            }
        }
    }

    /// Refuses an option that belongs to the other kinds of attribute.
    fn allows(self, name: &Ident) -> Result<()> {
        let text = match self {
            Naming::Fixed(_) => {
                "this attribute belongs to one runtime: remove this option, \
                 or choose with `#[runtime_traits::main(runtime(path))]`"
            }
            Naming::One if name == "runtimes" => {
                "a program starts on one runtime: write `runtime(path)`"
            }
            _ => return Ok(()),
        };
        Err(Error::new(name.span(), text))
    }
}

/// The path that an attribute crate passed to us.
fn fixed(path: &str) -> Result<Path> {
    syn::parse_str(path).map_err(|_| {
        let text = format!("`{path}` is not the path of a runtime: mend the attribute's crate");
        Error::new(Span::call_site(), text)
    })
}

/// Reads `(path)`.
fn one(name: &Ident, input: ParseStream<'_>) -> Result<Runtimes> {
    let mut paths = syntax::list(name, input, HOW_ONE, |item| item.call(Path::parse_mod_style))?;
    match (paths.pop(), paths.pop()) {
        (Some(only), None) => Ok(Runtimes::One(only)),
        (Some(last), _) => {
            let text = "only one runtime fits here: for a test on each of several write \
                        `runtimes(…)`";
            Err(Error::new_spanned(last, text))
        }
        (None, _) => Err(Error::new(name.span(), HOW_ONE)),
    }
}

/// Reads `(path, path)`.
fn each(name: &Ident, input: ParseStream<'_>) -> Result<Runtimes> {
    let paths = syntax::list(name, input, HOW_MANY, |item| item.call(Path::parse_mod_style))?;
    for (at, path) in paths.iter().enumerate() {
        if paths[..at].iter().any(|before| last(before) == last(path)) {
            return Err(Error::new_spanned(path, same_name(path)));
        }
    }
    Ok(Runtimes::Each(paths))
}

fn same_name(path: &Path) -> String {
    let name = last(path);
    format!(
        "two runtimes are called `{name}`, and so would be their tests: \
         rename one with `use … as other_{name};` and write `other_{name}` here"
    )
}

/// The test's module takes the function's name, so it would hide a runtime of that name.
pub(super) fn differ_from(paths: &[Path], function: &Ident) -> Result<()> {
    let hidden = |path: &&Path| path.leading_colon.is_none() && path.segments[0].ident == *function;
    match paths.iter().find(hidden) {
        Some(path) => {
            let text = format!(
                "the test `{function}` makes a module that hides this runtime: rename the test"
            );
            Err(Error::new_spanned(path, text))
        }
        None => Ok(()),
    }
}

/// The last segment of a path; a parsed path has at least one.
pub(crate) fn last(path: &Path) -> &Ident {
    &path.segments[path.segments.len() - 1].ident
}
