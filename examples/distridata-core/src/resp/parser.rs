//! Requests, as far as they have come.
//!
//! # Invariants
//!
//! - **P1** Each byte is looked at a bounded number of times, however the packets were cut: between
//!   calls the parser knows up to where it has read. The header of a bulk string is short.
//! - **P2** Nothing is reserved on the word of a header; only what has come needs memory.
//! - **P3** Where packets were cut makes no difference for what is answered in the end.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::args::Args;
use super::{inline, integer};

/// What a client may ask for at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Arguments of one command.
    pub(crate) args_max: usize,
    /// Bytes of one argument.
    pub(crate) bulk_max: usize,
    /// Bytes of a command that is one line.
    pub(crate) inline_max: usize,
    /// Bytes of one command, lengths and line ends included.
    pub(crate) command_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        let bulk_max = 64 << 20;
        Limits { args_max: 1 << 20, bulk_max, inline_max: 64 << 10, command_max: 2 * bulk_max }
    }
}

/// What [`Parser::parse`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A command of so many bytes; its arguments are [`Parser::args`].
    Complete(usize),
    /// So many bytes without a command: an empty line or array.
    Skip(usize),
    /// The beginning of a command. The same bytes and more are needed.
    Incomplete,
}

/// A number of a header has at most so many bytes, with the byte before and the line end.
const HEADER_MAX: usize = 32;

/// Ranges for more arguments than this are given back after the command.
const ARGS_KEPT: usize = 1024;

/// Reads commands out of the bytes of one connection.
#[derive(Debug)]
pub(crate) struct Parser {
    limits: Limits,
    /// Up to where the current command has been read.
    at: usize,
    state: State,
    ranges: Vec<Range<usize>>,
    /// The words of a command that is one line, without quotes.
    words: Vec<u8>,
    is_inline: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the first byte, or in a line.
    Start,
    /// Before the header of a bulk string; so many are missing.
    Header { missing: usize },
    /// Before the bytes of a bulk string; so many strings are missing, with this one.
    Bulk { missing: usize, length: usize },
}

impl Parser {
    /// A parser before the first command.
    pub(crate) fn new(limits: Limits) -> Parser {
        Parser {
            limits,
            at: 0,
            state: State::Start,
            ranges: Vec::new(),
            words: Vec::new(),
            is_inline: false,
        }
    }

    /// Reads the command that `input` begins with.
    ///
    /// After `Incomplete`, the next call must begin with the same bytes and have more of them. After
    /// an error the connection is of no use any more.
    pub(crate) fn parse(&mut self, input: &[u8]) -> Result<Parsed, ProtocolError> {
        if matches!(self.state, State::Start) && self.at == 0 {
            self.ranges.clear();
            self.ranges.shrink_to(ARGS_KEPT);
        }
        let parsed = self.advance(input)?;
        if parsed != Parsed::Incomplete {
            self.at = 0;
            self.state = State::Start;
        }
        Ok(parsed)
    }

    /// Returns the arguments of the command that `input` begins with and that is complete.
    pub(crate) fn args<'a>(&'a self, input: &'a [u8]) -> Args<'a> {
        Args::new(if self.is_inline { &self.words } else { input }, &self.ranges)
    }

    fn advance(&mut self, input: &[u8]) -> Result<Parsed, ProtocolError> {
        loop {
            match self.state {
                State::Start => match input.first() {
                    None => return Ok(Parsed::Incomplete),
                    Some(b'*') => match self.array_header(input)? {
                        Some(parsed) => return Ok(parsed),
                        None => continue,
                    },
                    Some(_) => return self.line(input),
                },
                State::Header { missing: 0 } => return Ok(Parsed::Complete(self.at)),
                State::Header { missing } => match self.bulk_header(input)? {
                    Some(length) => self.state = State::Bulk { missing, length },
                    None => return Ok(Parsed::Incomplete),
                },
                State::Bulk { missing, length } => {
                    if !self.bulk(input, length)? {
                        return Ok(Parsed::Incomplete);
                    }
                    self.state = State::Header { missing: missing - 1 };
                }
            }
        }
    }

    /// Reads `*2\r\n`; `None` says that bulk strings follow.
    fn array_header(&mut self, input: &[u8]) -> Result<Option<Parsed>, ProtocolError> {
        let invalid = ProtocolError::new("invalid multibulk length");
        let Some((number, next)) = header(&input[1..]).map_err(|_| invalid.clone())? else {
            return Ok(Some(Parsed::Incomplete));
        };
        let next = 1 + next;
        match usize::try_from(number) {
            Err(_) | Ok(0) => Ok(Some(Parsed::Skip(next))),
            Ok(missing) if missing > self.limits.args_max => Err(invalid),
            Ok(missing) => {
                self.is_inline = false;
                self.at = next;
                self.state = State::Header { missing };
                Ok(None)
            }
        }
    }

    /// Reads `$3\r\n`; `None` says that it is not complete.
    fn bulk_header(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        let rest = &input[self.at..];
        match rest.first() {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => return Err(ProtocolError::no_bulk(*other)),
        }
        let invalid = || ProtocolError::new("invalid bulk length");
        let Some((number, next)) = header(&rest[1..]).map_err(|_| invalid())? else {
            return Ok(None);
        };
        let length = usize::try_from(number).map_err(|_| invalid())?;
        if length > self.limits.bulk_max {
            return Err(ProtocolError::too_long("invalid bulk length", self.limits.bulk_max));
        }
        self.at += 1 + next;
        if self.at.saturating_add(length) > self.limits.command_max {
            return Err(ProtocolError::too_long("too big command", self.limits.command_max));
        }
        Ok(Some(length))
    }

    /// Reads the bytes of a bulk string and the line end behind; `false` if they have not all come.
    fn bulk(&mut self, input: &[u8], length: usize) -> Result<bool, ProtocolError> {
        let end = self.at + length;
        let Some(line_end) = input.get(end..end + 2) else { return Ok(false) };
        if line_end != b"\r\n" {
            return Err(ProtocolError::new("expected a line end behind a bulk string"));
        }
        self.ranges.push(self.at..end);
        self.at = end + 2;
        Ok(true)
    }

    fn line(&mut self, input: &[u8]) -> Result<Parsed, ProtocolError> {
        let new = &input[self.at..];
        let end = new.iter().position(|byte| *byte == b'\n').map(|end| self.at + end);
        if end.unwrap_or(input.len()) > self.limits.inline_max {
            return Err(ProtocolError::new("too big inline request"));
        }
        let Some(end) = end else {
            self.at = input.len();
            return Ok(Parsed::Incomplete);
        };
        self.is_inline = true;
        self.words.clear();
        let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
        inline::split(line, &mut self.words, &mut self.ranges)
            .map_err(|_| ProtocolError::new("unbalanced quotes in request"))?;
        let empty = self.ranges.is_empty();
        Ok(if empty { Parsed::Skip(end + 1) } else { Parsed::Complete(end + 1) })
    }
}

/// There is no number with a line end behind it, and there will be none.
struct NoNumber;

/// Reads `12\r\n`: the number, and how many bytes that was. `None` if it is not complete.
fn header(input: &[u8]) -> Result<Option<(i64, usize)>, NoNumber> {
    let head = &input[..input.len().min(HEADER_MAX)];
    let Some(end) = head.iter().position(|byte| *byte == b'\r') else {
        return if head.len() < HEADER_MAX { Ok(None) } else { Err(NoNumber) };
    };
    let number = integer(&head[..end]).ok_or(NoNumber)?;
    match input.get(end + 1) {
        None => Ok(None),
        Some(b'\n') => Ok(Some((number, end + 2))),
        Some(_) => Err(NoNumber),
    }
}

/// What a client sent is no request. The text is an error reply; close after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProtocolError(Cow<'static, str>);

impl ProtocolError {
    fn new(what: &'static str) -> ProtocolError {
        ProtocolError(Cow::Borrowed(what))
    }

    fn too_long(what: &str, max: usize) -> ProtocolError {
        ProtocolError(Cow::Owned(format!("{what}: at most {max} bytes")))
    }

    fn no_bulk(found: u8) -> ProtocolError {
        let found = if found.is_ascii_control() { ' ' } else { found as char };
        ProtocolError(Cow::Owned(format!("expected '$', got '{found}'")))
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERR Protocol error: {}", self.0)
    }
}

impl std::error::Error for ProtocolError {}

#[cfg(test)]
mod tests;
