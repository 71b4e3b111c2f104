//! What is to be sent to one client, in order.
//!
//! ```text
//!  copied:  +OK\r\n$5\r\nhello\r\n$70000\r\n ▲ \r\n:1\r\n …
//!  shared:                                   └─ 70000 bytes of a value, by reference
//! ```
//!
//! Small replies are copied into one buffer. Large values are shared with the store, so that a
//! client that reads slowly costs a reference and not a copy.
//!
//! - **R1** `len` is what `chunk` and `advance` will still give.
//! - **R2** Positions in the copied bytes count from the first byte ever copied, so that a mark
//!   stays valid while older bytes are written out.

use std::collections::VecDeque;

use crate::op::Value;

/// Values from this length on are shared.
const SHARED_MIN: usize = 16 << 10;

/// When so much is copied already, shorter values are shared, too: one command may ask for the same
/// value a million times.
const COPIED_MUCH: usize = 1 << 20;
const SHARED_MIN_THEN: usize = 256;

/// Buffers larger than this are given back when they are empty.
const KEPT_MAX: usize = 64 << 10;

/// The queue of replies to one client.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    copied: Vec<u8>,
    /// The position of `copied[0]` (R2).
    base: u64,
    /// How much of `copied` was written out.
    written: usize,
    shared: VecDeque<Shared>,
    /// How many values were ever shared.
    shared_count: u64,
    len: usize,
}

/// A value in the middle of the copied bytes.
#[derive(Debug)]
struct Shared {
    /// The position of the copied byte that follows it.
    before: u64,
    value: Value,
    /// How much of it was written out.
    written: usize,
}

/// A position between two replies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    copied: u64,
    shared_count: u64,
}

impl Replies {
    /// An empty queue.
    pub(crate) fn new() -> Replies {
        Replies::default()
    }

    /// Adds `+text`.
    pub(crate) fn simple(&mut self, text: &str) {
        self.line(b'+', text);
    }

    /// Adds `-text`, an error. The text begins with a code such as `ERR`.
    pub(crate) fn error(&mut self, text: &str) {
        self.line(b'-', text);
    }

    /// Adds an integer.
    pub(crate) fn integer(&mut self, number: i64) {
        self.number(b':', number);
    }

    /// Adds a string of bytes, copied.
    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        self.number(b'$', bytes.len() as i64);
        self.copy(bytes);
        self.copy(b"\r\n");
    }

    /// Adds a string of bytes, shared if it is long.
    pub(crate) fn value(&mut self, value: &Value) {
        self.number(b'$', value.len() as i64);
        self.raw(value);
        self.copy(b"\r\n");
    }

    /// Adds what is RESP already, shared if it is long.
    pub(crate) fn raw(&mut self, bytes: &Value) {
        let shared_min = if self.copied.len() < COPIED_MUCH { SHARED_MIN } else { SHARED_MIN_THEN };
        if bytes.len() < shared_min {
            return self.copy(bytes);
        }
        let before = self.end();
        self.shared.push_back(Shared { before, value: bytes.clone(), written: 0 });
        self.shared_count += 1;
        self.len += bytes.len();
    }

    /// Adds the answer that there is nothing.
    pub(crate) fn nil(&mut self) {
        self.copy(b"$-1\r\n");
    }

    /// Adds the header of an array; so many replies that follow belong to it.
    pub(crate) fn array(&mut self, count: usize) {
        self.number(b'*', count as i64);
    }

    /// Returns the bytes of replies of which none is shared and none was sent.
    pub(crate) fn into_copied(self) -> Vec<u8> {
        debug_assert!(self.shared.is_empty() && self.written == 0);
        self.copied
    }

    fn line(&mut self, kind: u8, text: &str) {
        self.copy(&[kind]);
        let start = self.copied.len();
        self.copy(text.as_bytes());
        for byte in &mut self.copied[start..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.copy(b"\r\n");
    }

    fn number(&mut self, kind: u8, number: i64) {
        let mut text = [0; 23];
        let mut start = text.len() - 2;
        text[start..].copy_from_slice(b"\r\n");
        let mut rest = number.unsigned_abs();
        loop {
            start -= 1;
            text[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            start -= 1;
            text[start] = b'-';
        }
        start -= 1;
        text[start] = kind;
        self.copy(&text[start..]);
    }

    fn copy(&mut self, bytes: &[u8]) {
        self.copied.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    fn end(&self) -> u64 {
        self.base + self.copied.len() as u64
    }

    /// Returns how many bytes are to be sent.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the next bytes to be sent; there may be more behind them.
    pub(crate) fn chunk(&self) -> &[u8] {
        match self.shared.front() {
            None => &self.copied[self.written..],
            Some(shared) if shared.before == self.base + self.written as u64 => {
                &shared.value[shared.written..]
            }
            Some(shared) => &self.copied[self.written..(shared.before - self.base) as usize],
        }
    }

    /// Says that the first `count` bytes were sent.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    pub(crate) fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len, "{count} bytes of {} cannot have been sent", self.len);
        while count > 0 {
            let step = count.min(self.chunk().len());
            self.step(step);
            count -= step;
        }
        if self.len == 0 {
            self.clear();
        }
    }

    /// Moves on by at most one chunk.
    fn step(&mut self, count: usize) {
        self.len -= count;
        let at = self.base + self.written as u64;
        match self.shared.front_mut() {
            Some(shared) if shared.before == at => {
                shared.written += count;
                if shared.written == shared.value.len() {
                    self.shared.pop_front();
                }
            }
            _ => self.written += count,
        }
    }

    /// Forgets everything, and gives large buffers back.
    pub(crate) fn clear(&mut self) {
        self.base = self.end();
        self.written = 0;
        self.len = 0;
        self.copied.clear();
        self.copied.shrink_to(KEPT_MAX);
        self.shared.clear();
        self.shared.shrink_to(64);
    }

    /// Returns the position behind the last reply.
    pub(crate) fn mark(&self) -> Mark {
        Mark { copied: self.end(), shared_count: self.shared_count }
    }

    /// Takes back what was added since `mark`.
    ///
    /// # Panics
    ///
    /// If some of it was sent already: nothing is sent before it is safe.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        let since = (self.shared_count - mark.shared_count) as usize;
        let written = self.base + self.written as u64;
        assert!(mark.copied >= written && since <= self.shared.len(), "it was sent already");
        self.shared.truncate(self.shared.len() - since);
        self.shared_count = mark.shared_count;
        self.copied.truncate((mark.copied - self.base) as usize);
        let shared: usize = self.shared.iter().map(|one| one.value.len() - one.written).sum();
        self.len = self.copied.len() - self.written + shared;
    }
}

#[cfg(test)]
mod tests;
