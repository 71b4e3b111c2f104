//! The bytes of a value: shared, and cheap to append to.
//!
//! A value is handed to replies without a copy. Appending to a value that nobody else holds costs
//! what a `Vec` costs; otherwise the others keep the old bytes, and we get a copy.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A shared byte string that its holder may append to.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Value(Arc<Vec<u8>>);

impl Value {
    /// Adds `tail` at the end, here and not where the value was shared to.
    pub fn append(&mut self, tail: &[u8]) {
        if let Some(own) = Arc::get_mut(&mut self.0) {
            own.extend_from_slice(tail);
            return;
        }
        let mut own = Vec::with_capacity(self.len() + tail.len());
        own.extend_from_slice(self);
        own.extend_from_slice(tail);
        self.0 = Arc::new(own);
    }

    /// Forgets what is behind the first `length` bytes, here and not where the value was shared to.
    pub fn truncate(&mut self, length: usize) {
        if let Some(own) = Arc::get_mut(&mut self.0) {
            own.truncate(length);
        } else if length < self.len() {
            *self = Value::from(&self[..length]);
        }
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Value {
        Value(Arc::new(bytes.to_vec()))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value(Arc::new(bytes))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len() {
            0..=64 => write!(f, "\"{}\"", self.escape_ascii()),
            length => write!(f, "\"{}\" and {} bytes", self[..64].escape_ascii(), length - 64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appending_leaves_other_holders_alone() {
        let mut value = Value::from(&b"abc"[..]);
        let other = value.clone();
        value.append(b"def");
        assert_eq!((&value[..], &other[..]), (&b"abcdef"[..], &b"abc"[..]));
        let other = value.clone();
        value.truncate(1);
        assert_eq!((&value[..], &other[..]), (&b"a"[..], &b"abcdef"[..]));
    }

    #[test]
    fn appending_to_what_is_ours_alone_does_not_copy_each_time() {
        let mut value = Value::default();
        let mut moves = 0;
        for _ in 0..10_000 {
            let before = value.as_ptr();
            value.append(b"0123456789");
            moves += usize::from(value.as_ptr() != before);
        }
        assert!(moves < 40, "moved {moves} times");
    }
}
