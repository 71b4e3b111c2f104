//! Reads frames out of a file and checks them, a window at a time.

use std::io;

use super::files::{File, read_into};
use super::frame::{Frame, HEAD, Head, is_good};

/// Bytes that are read at once, if no frame is longer.
const WINDOW: usize = 256 * 1024;

/// The frames in a part of a file.
pub(crate) struct Scan<'a> {
    file: &'a dyn File,
    /// Where the next frame begins, in the file and by its own offset.
    position: u64,
    offset: u64,
    /// Where in the file the frames end.
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// What stands at one place.
enum Found {
    Frame(usize),
    /// Nothing that is a good frame.
    Bad,
}

impl<'a> Scan<'a> {
    /// Begins at `position` of the file, with the frame at `offset`; the frames end at `end`.
    pub(crate) fn new(file: &'a dyn File, position: u64, offset: u64, end: u64) -> Scan<'a> {
        Scan { file, position, offset, end, window: Vec::new(), window_at: 0 }
    }

    /// Returns the next frame; `None` at the end and at a bad one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame<'_>>> {
        let (position, offset) = (self.position, self.offset);
        let Found::Frame(len) = self.look(position, offset)? else { return Ok(None) };
        self.position += len as u64;
        self.offset += len as u64;
        let from = (position - self.window_at) as usize;
        Ok(Some(Frame { offset, payload: &self.window[from + HEAD..from + len] }))
    }

    /// Returns the offset of what comes next.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns how many bytes come behind the last good frame.
    pub(crate) fn rest(&self) -> u64 {
        self.end - self.position
    }

    /// Returns `true` if a good frame stands anywhere behind the bad one, at its right place.
    pub(crate) fn good_frame_follows(&mut self) -> io::Result<bool> {
        for skip in 1..self.rest().saturating_sub(HEAD as u64 - 1) {
            if let Found::Frame(_) = self.look(self.position + skip, self.offset + skip)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn look(&mut self, position: u64, offset: u64) -> io::Result<Found> {
        let Some(head) = self.bytes(position, HEAD)?.and_then(Head::read) else {
            return Ok(Found::Bad);
        };
        if !head.is_plausible(offset) {
            return Ok(Found::Bad);
        }
        let len = HEAD + head.len;
        let good = self.bytes(position, len)?.is_some_and(is_good);
        Ok(if good { Found::Frame(len) } else { Found::Bad })
    }

    /// Returns these bytes of the file; `None` if they go beyond the end.
    fn bytes(&mut self, position: u64, len: usize) -> io::Result<Option<&[u8]>> {
        let left = self.end.saturating_sub(position);
        if left < len as u64 {
            return Ok(None);
        }
        if position < self.window_at || position + len as u64 > self.window_end() {
            let want = usize::try_from(left).unwrap_or(WINDOW).min(WINDOW.max(len));
            self.window.clear();
            self.window_at = position;
            read_into(self.file, &mut self.window, want, position)?;
        }
        let from = (position - self.window_at) as usize;
        Ok(Some(&self.window[from..from + len]))
    }

    fn window_end(&self) -> u64 {
        self.window_at + self.window.len() as u64
    }
}
