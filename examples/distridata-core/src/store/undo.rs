//! How to take back one op (S3).

use super::{Entry, Keys, Store};
use crate::op::{Bytes, Epoch, Millis};

/// What [`Store::apply`] replaced.
///
/// It may own much memory; dropping it is best done where nobody waits.
#[derive(Debug)]
#[must_use = "a change that is not safe may have to be taken back"]
pub(crate) struct Undo(Kind);

#[derive(Debug)]
enum Kind {
    Nothing,
    Entry { key: Bytes, before: Option<Entry> },
    Length { key: Bytes, before: usize },
    Expires { key: Bytes, before: Option<Millis> },
    Clear(Box<Keys>),
    Epochs(Vec<Epoch>),
}

impl Undo {
    /// Returns whether the op changed nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self.0, Kind::Nothing)
    }

    /// Returns whether it holds all that was stored, and not one entry.
    pub(crate) fn is_big(&self) -> bool {
        matches!(self.0, Kind::Clear(_))
    }

    pub(super) fn nothing() -> Undo {
        Undo(Kind::Nothing)
    }

    pub(super) fn entry(key: Bytes, before: Option<Entry>) -> Undo {
        Undo(Kind::Entry { key, before })
    }

    pub(super) fn length(key: Bytes, before: usize) -> Undo {
        Undo(Kind::Length { key, before })
    }

    pub(super) fn expires(key: Bytes, before: Option<Millis>) -> Undo {
        Undo(Kind::Expires { key, before })
    }

    pub(super) fn clear(before: Keys) -> Undo {
        Undo(Kind::Clear(Box::new(before)))
    }

    pub(super) fn epochs(before: Vec<Epoch>) -> Undo {
        Undo(Kind::Epochs(before))
    }
}

impl Store {
    /// Takes back an op; those that came after it must have been taken back before.
    pub(crate) fn undo(&mut self, undo: Undo) {
        match undo.0 {
            Kind::Nothing => {}
            Kind::Entry { key, before: Some(before) } => drop(self.keys.put(key, before)),
            Kind::Entry { key, before: None } => drop(self.keys.remove(&key)),
            Kind::Length { key, before } => {
                if let Some(entry) = self.keys.get_mut(&key) {
                    entry.value.truncate(before);
                }
            }
            Kind::Expires { key, before } => {
                let _ = self.expire(key, before);
            }
            Kind::Clear(before) => self.keys = *before,
            Kind::Epochs(before) => self.epochs = before,
        }
    }
}
