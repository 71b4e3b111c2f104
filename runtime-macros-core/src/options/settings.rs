//! What the program asks of its runtime: threads, flavor, capabilities.
//!
//! These options are the same for every attribute. Each has one line in `FORMS`, one arm in
//! [`Settings::read`] and one method of the runtime's `Config` (see *The entry protocol*).
//!
//! A new capability is one more name in `CAPABILITIES`. Runtimes answer to the name, so one of
//! them can be older than this list: it then says that it does not have the capability.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Lit, LitInt, LitStr, Result};

use super::syntax;

/// The options as one would write them.
pub(super) const FORMS: [&str; 3] =
    ["worker_threads = 2", "flavor = \"current_thread\"", "require(timer, net)"];

/// What `require` knows. A name is passed to the runtime as it is written here.
const CAPABILITIES: [&str; 10] = [
    "timer",
    "net",
    "reactor",
    "blocking",
    "local",
    "completion",
    "block_on",
    "fs",
    "process",
    "signal",
];

const HOW_THREADS: &str = "write a whole number without suffix, as in `worker_threads = 2`";
const NO_THREADS: &str = "at least one worker thread is needed: write `worker_threads = 1`, \
                          or `flavor = \"current_thread\"` to have none";
const HOW_FLAVOR: &str = "write `flavor = \"multi_thread\"` or `flavor = \"current_thread\"`";
const HOW_REQUIRE: &str = "write names in parentheses, without quotes, as in `require(timer, net)`";

/// Where the tasks run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// On worker threads: what a runtime does when it is not told otherwise.
    MultiThread,
    /// On the thread that called.
    CurrentThread,
}

/// The settings that were given; what is absent is the runtime's choice.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) worker_threads: Option<LitInt>,
    pub(crate) flavor: Option<Flavor>,
    pub(crate) require: Vec<LitStr>,
}

impl Settings {
    /// Reads the rest of option `name`; `false` if the name is none of ours.
    pub(super) fn read(&mut self, name: &Ident, input: ParseStream<'_>) -> Result<bool> {
        match name.to_string().as_str() {
            "worker_threads" => self.worker_threads = Some(threads(name, input)?),
            "flavor" => self.flavor = Some(flavor(name, input)?),
            "require" => self.require = capabilities(name, input)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Refuses settings that contradict each other.
    pub(super) fn agree(&self) -> Result<()> {
        match (&self.worker_threads, self.flavor) {
            (Some(threads), Some(Flavor::CurrentThread)) => {
                let text = "flavor \"current_thread\" has no worker threads: \
                            remove `worker_threads`, or write `flavor = \"multi_thread\"`";
                Err(Error::new(threads.span(), text))
            }
            _ => Ok(()),
        }
    }
}

/// Reads `= 2`. The limit is that of `u16`, so that the number is a `usize` wherever the program
/// is built for; a suffix would make it another type.
fn threads(name: &Ident, input: ParseStream<'_>) -> Result<LitInt> {
    let value = match syntax::literal(name, input, HOW_THREADS)? {
        Lit::Int(value) if value.suffix().is_empty() => value,
        other => return Err(Error::new(other.span(), HOW_THREADS)),
    };
    match value.base10_parse::<u16>() {
        Ok(0) => Err(Error::new(value.span(), NO_THREADS)),
        Ok(_) => Ok(value),
        Err(_) => Err(Error::new(value.span(), "`worker_threads` goes from 1 to 65535")),
    }
}

/// Reads `= "multi_thread"` or `= "current_thread"`.
fn flavor(name: &Ident, input: ParseStream<'_>) -> Result<Flavor> {
    let value = match syntax::literal(name, input, HOW_FLAVOR)? {
        Lit::Str(value) => value,
        other => return Err(Error::new(other.span(), HOW_FLAVOR)),
    };
    match value.value().as_str() {
        "multi_thread" => Ok(Flavor::MultiThread),
        "current_thread" => Ok(Flavor::CurrentThread),
        other => Err(Error::new(value.span(), format!("unknown flavor `{other}`: {HOW_FLAVOR}"))),
    }
}

/// Reads `(timer, net)`; each name becomes the text that `Config::require` is called with.
fn capabilities(name: &Ident, input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    let names = syntax::list(name, input, HOW_REQUIRE, |item| item.call(Ident::parse_any))?;
    for (at, name) in names.iter().enumerate() {
        known(name)?;
        if names[..at].contains(name) {
            return Err(Error::new(
                name.span(),
                format!("`{name}` is required twice: once is enough"),
            ));
        }
    }
    Ok(names.iter().map(|name| LitStr::new(&name.to_string(), name.span())).collect())
}

/// Refuses a name that no runtime could know: a slip of the pen would fail at every start.
fn known(name: &Ident) -> Result<()> {
    if CAPABILITIES.iter().any(|known| name == known) {
        return Ok(());
    }
    let all = CAPABILITIES.map(|known| format!("`{known}`")).join(", ");
    let text = format!("unknown capability `{name}`; `require` knows {all}");
    Err(Error::new(name.span(), text))
}
