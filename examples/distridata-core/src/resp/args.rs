//! The arguments of one command, lent from where they were received.

use std::ops::Range;

/// The arguments of one command; the first is its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Args<'a> {
    bytes: &'a [u8],
    ranges: &'a [Range<usize>],
}

impl<'a> Args<'a> {
    /// The pieces of `bytes` that `ranges` name.
    pub(crate) fn new(bytes: &'a [u8], ranges: &'a [Range<usize>]) -> Args<'a> {
        Args { bytes, ranges }
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Returns whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns one of them, if there are as many.
    pub(crate) fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.ranges.get(index).and_then(|range| self.bytes.get(range.clone()))
    }

    /// Returns those from `first` on.
    pub(crate) fn from(&self, first: usize) -> Args<'a> {
        Args { bytes: self.bytes, ranges: self.ranges.get(first..).unwrap_or_default() }
    }

    /// Walks over them.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.ranges.iter().map(move |range| &bytes[range.clone()])
    }
}

impl std::ops::Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        &self.bytes[self.ranges[index].clone()]
    }
}
