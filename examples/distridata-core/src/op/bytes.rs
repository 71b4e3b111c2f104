//! Byte strings that are cheap to clone: [`Bytes`] for keys, [`Value`] for values.
//!
//! Most keys and many values are short. Those stand in the string itself, so that looking one up
//! follows no reference; longer ones are shared.
//!
//! ```text
//!  short:  │ length │ at most 22 bytes │      long:  │ reference ──▶ count, bytes │
//! ```

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// As many bytes as fit into three words with a length and the compiler's tag.
const SHORT_MAX: usize = 22;

#[derive(Clone, Copy)]
struct Short {
    length: u8,
    bytes: [u8; SHORT_MAX],
}

impl Short {
    const EMPTY: Short = Short { length: 0, bytes: [0; SHORT_MAX] };

    fn new(bytes: &[u8]) -> Option<Short> {
        let mut short = Short::EMPTY;
        short.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        short.length = bytes.len() as u8;
        Some(short)
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Adds `tail` if it fits.
    fn append(&mut self, tail: &[u8]) -> bool {
        let start = usize::from(self.length);
        let Some(place) = self.bytes.get_mut(start..start + tail.len()) else { return false };
        place.copy_from_slice(tail);
        self.length += tail.len() as u8;
        true
    }
}

/// A byte string that does not change: keys, names of channels.
#[derive(Clone)]
pub(crate) struct Bytes(Key);

#[derive(Clone)]
enum Key {
    Short(Short),
    Long(Arc<[u8]>),
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Bytes {
        Bytes(Short::new(bytes).map_or_else(|| Key::Long(bytes.into()), Key::Short))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Key::Short(short) => short.as_slice(),
            Key::Long(long) => long,
        }
    }
}

/// Equality, order and hash are those of the bytes.
impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Bytes) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl PartialOrd for Bytes {
    fn partial_cmp(&self, other: &Bytes) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bytes {
    fn cmp(&self, other: &Bytes) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(self, f)
    }
}

/// A byte string that its holder may append to, without a copy if nobody shares it.
#[derive(Clone)]
pub(crate) struct Value(Content);

#[derive(Clone)]
enum Content {
    Short(Short),
    Long(Arc<Vec<u8>>),
}

impl Value {
    /// Adds `tail` at the end, here and not where the value was shared to.
    pub(crate) fn append(&mut self, tail: &[u8]) {
        let appended = match &mut self.0 {
            Content::Short(short) => short.append(tail),
            Content::Long(long) => match Arc::get_mut(long) {
                Some(own) => {
                    own.extend_from_slice(tail);
                    true
                }
                None => false,
            },
        };
        if !appended {
            self.0 = Content::Long(Arc::new([self, tail].concat()));
        }
    }

    /// Forgets what is behind the first `length` bytes, here and not where the value was shared to.
    pub(crate) fn truncate(&mut self, length: usize) {
        if let Content::Long(long) = &mut self.0 {
            if let Some(own) = Arc::get_mut(long) {
                return own.truncate(length);
            }
        }
        if length < self.len() {
            *self = Value::from(&self[..length]);
        }
    }
}

impl Default for Value {
    fn default() -> Value {
        Value(Content::Short(Short::EMPTY))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Value {
        let long = || Content::Long(Arc::new(bytes.to_vec()));
        Value(Short::new(bytes).map_or_else(long, Content::Short))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value(match Short::new(&bytes) {
            Some(short) => Content::Short(short),
            None => Content::Long(Arc::new(bytes)),
        })
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Content::Short(short) => short.as_slice(),
            Content::Long(long) => long,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        **self == **other
    }
}

impl Eq for Value {}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(self, f)
    }
}

fn shown(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match bytes.len() {
        0..=64 => write!(f, "\"{}\"", bytes.escape_ascii()),
        length => write!(f, "\"{}\" and {} bytes", bytes[..64].escape_ascii(), length - 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_strings_differ_in_nothing_but_memory() {
        let bytes: Vec<u8> = (0..60).collect();
        for length in 0..bytes.len() {
            let bytes = &bytes[..length];
            assert_eq!(&*Bytes::from(bytes), bytes);
            for at in 0..=length {
                let (head, tail) = bytes.split_at(at);
                let mut value = Value::from(head);
                value.append(tail);
                assert_eq!(value, Value::from(bytes.to_vec()));
                value.truncate(at);
                assert_eq!(&*value, head);
            }
        }
        assert_eq!(size_of::<Value>(), 24);
        assert_eq!(size_of::<Bytes>(), 24);
    }

    #[test]
    fn appending_leaves_other_holders_alone() {
        for length in [3, 100] {
            let mut value = Value::from(vec![1; length]);
            let other = value.clone();
            value.append(b"def");
            assert_eq!((value.len(), other.len()), (length + 3, length));
            let other = value.clone();
            value.truncate(1);
            assert_eq!((value.len(), other.len()), (1, length + 3));
        }
    }

    #[test]
    fn truncating_what_is_ours_alone_copies_nothing() {
        let mut value = Value::from(vec![1; 1000]);
        let before = value.as_ptr();
        value.truncate(900);
        assert_eq!((value.as_ptr(), value.len()), (before, 900));
    }

    #[test]
    fn appending_to_what_is_ours_alone_does_not_copy_each_time() {
        let mut value = Value::from(&[0; 100][..]);
        let mut moves = 0;
        for _ in 0..10_000 {
            let before = value.as_ptr();
            value.append(b"0123456789");
            moves += usize::from(value.as_ptr() != before);
        }
        assert!(moves < 40, "moved {moves} times");
    }
}
