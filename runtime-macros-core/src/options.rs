//! The arguments of the attribute: `worker_threads = 2, require(timer), runtime(path)`.
//!
//! Each option is a name followed by `= literal` or by a list in parentheses, and comes at most
//! once. This file reads names and hands each to the part that knows it:
//!
//! ```text
//!  Options::parse ──▶ settings   worker_threads  flavor  require
//!                 └─▶ runtimes   runtime  runtimes
//! ```
//!
//! Not here: what is written for an option in the expansion (`expand`).

mod runtimes;
mod settings;
mod syntax;

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Result};

use crate::function::Function;
pub(crate) use runtimes::{Naming, Runtimes, last};
pub(crate) use settings::{Flavor, Settings};

/// All that the arguments say.
pub(crate) struct Options {
    pub(crate) runtimes: Runtimes,
    pub(crate) settings: Settings,
}

impl Options {
    /// Reads the arguments; the first fault ends the reading.
    pub(crate) fn parse(args: TokenStream, naming: Naming<'_>) -> Result<Self> {
        let read = |input: ParseStream<'_>| Self::read(input, naming);
        read.parse2(args)
    }

    /// Whether the runtimes go together with this function's name.
    pub(crate) fn fit(&self, function: &Function) -> Result<()> {
        match &self.runtimes {
            Runtimes::One(_) => Ok(()),
            Runtimes::Each(paths) => runtimes::differ_from(paths, &function.sig.ident),
        }
    }

    fn read(input: ParseStream<'_>, naming: Naming<'_>) -> Result<Self> {
        let mut seen = Vec::new();
        let (mut runtimes, mut settings) = (None, Settings::default());
        while !input.is_empty() {
            let name = name(input, naming)?;
            first_time(&mut seen, &name)?;
            if !settings.read(&name, input)? && !naming.read(&name, input, &mut runtimes)? {
                return Err(unknown(&name, naming));
            }
            syntax::comma(input)?;
        }
        settings.agree()?;
        Ok(Self { runtimes: naming.settle(runtimes)?, settings })
    }
}

/// Reads the name of an option. Keywords count as names, so that they are *unknown*, not wrong.
fn name(input: ParseStream<'_>, naming: Naming<'_>) -> Result<Ident> {
    let text = || format!("expected the name of an option; {}", known(naming));
    input.call(Ident::parse_any).map_err(|fault| Error::new(fault.span(), text()))
}

fn first_time(seen: &mut Vec<Ident>, name: &Ident) -> Result<()> {
    if seen.contains(name) {
        let text = format!("`{name}` was given before: keep one of the two");
        return Err(Error::new(name.span(), text));
    }
    seen.push(name.clone());
    Ok(())
}

fn unknown(name: &Ident, naming: Naming<'_>) -> Error {
    Error::new(name.span(), format!("unknown option `{name}`; {}", known(naming)))
}

/// Lists the options of this attribute, as one would write them.
fn known(naming: Naming<'_>) -> String {
    let all: Vec<_> =
        naming.forms().iter().chain(&settings::FORMS).map(|f| format!("`{f}`")).collect();
    format!("the options are {}", all.join(", "))
}
