//! The twin of `cached` where no read is known to be done without waiting.

use std::fs::File;
use std::io::Result;

/// Nothing to remember.
#[derive(Debug)]
pub(super) struct Cached;

impl Cached {
    pub(super) fn new(_: &File) -> Cached {
        Cached
    }

    pub(super) fn read(&self, _: &File, _: &mut [u8], _: u64) -> Option<Result<usize>> {
        None
    }
}
