//! What std has for Windows in `CommandExt`.

use std::ffi::OsStr;
use std::os::windows::process::CommandExt as _;

use super::Command;

/// On Windows.
impl Command {
    /// The flags that the system is given when it makes the process.
    pub fn creation_flags(&mut self, flags: u32) -> &mut Command {
        self.std.creation_flags(flags);
        self
    }

    /// Adds text to the command line as it stands, without quotes.
    pub fn raw_arg(&mut self, text: impl AsRef<OsStr>) -> &mut Command {
        self.std.raw_arg(text);
        self
    }
}
