//! Why a command is refused.

use std::borrow::Cow;
use std::fmt;

use crate::resp::Args;

/// Bytes of what a client sent that come back in an error.
const QUOTED_MAX: usize = 128;

/// An error reply, as redis words it: `replies.error(fault.text())`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(Cow<'static, str>);

impl Fault {
    /// A fault with a fixed text, which begins with a code such as `ERR`.
    pub(crate) const fn new(text: &'static str) -> Fault {
        Fault(Cow::Borrowed(text))
    }

    /// Returns the error reply.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    pub(super) const fn syntax() -> Fault {
        Fault::new("ERR syntax error")
    }

    pub(super) const fn no_integer() -> Fault {
        Fault::new("ERR value is not an integer or out of range")
    }

    pub(super) fn arity(command: &str) -> Fault {
        Fault(format!("ERR wrong number of arguments for '{command}' command").into())
    }

    pub(super) fn expire_time(command: &str) -> Fault {
        Fault(format!("ERR invalid expire time in '{command}' command").into())
    }

    pub(super) fn option(option: &[u8]) -> Fault {
        Fault(format!("ERR Unsupported option {}", quoted(option, QUOTED_MAX)).into())
    }

    pub(super) fn hello(option: &[u8]) -> Fault {
        let option = quoted(option, QUOTED_MAX);
        Fault(format!("ERR Syntax error in HELLO option '{option}'").into())
    }

    pub(super) fn subcommand(command: &str, subcommand: &[u8]) -> Fault {
        let subcommand = quoted(subcommand, QUOTED_MAX);
        let command = command.to_ascii_uppercase();
        Fault(format!("ERR unknown subcommand '{subcommand}' of {command}").into())
    }

    pub(super) fn unknown(name: &[u8], args: Args<'_>) -> Fault {
        let mut shown = String::new();
        for arg in args.iter() {
            if shown.len() >= QUOTED_MAX {
                break;
            }
            shown += &format!("'{}' ", quoted(arg, QUOTED_MAX - shown.len()));
        }
        let name = quoted(name, QUOTED_MAX);
        Fault(format!("ERR unknown command '{name}', with args beginning with: {shown}").into())
    }
}

/// The first bytes of `bytes`, as text.
fn quoted(bytes: &[u8], max: usize) -> Cow<'_, str> {
    String::from_utf8_lossy(&bytes[..bytes.len().min(max)])
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}
