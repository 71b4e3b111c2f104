//! Why a command is refused.

use std::borrow::Cow;
use std::fmt;

/// An error reply, as redis words it: `replies.error(fault.text())`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(Cow<'static, str>);

impl Fault {
    /// A fault with a fixed text, which begins with a code such as `ERR`.
    pub fn new(text: &'static str) -> Fault {
        Fault(Cow::Borrowed(text))
    }

    /// Returns the error reply.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}
