//! Lines for whoever started the program.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// Prints a line. Nobody has to listen (`distridata … | head -1`).
pub(crate) fn say(what: impl Display) {
    let clear = if io::stdout().is_terminal() { "\r\x1b[K" } else { "" };
    let _ = writeln!(io::stdout(), "{clear}{what}");
}

/// A line that the next one replaces, for people who watch.
pub(crate) fn progress(what: impl Display) {
    let mut out = io::stdout();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[K{what}");
        let _ = out.flush();
    }
}
