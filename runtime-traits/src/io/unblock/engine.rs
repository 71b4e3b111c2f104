//! A blocking object and what is known of it: the part of an [`Unblock`](super::Unblock) that a job
//! borrows.
//!
//! A job calls one of [`read`](Engine::read), [`write`](Engine::write), [`flush`](Engine::flush),
//! [`seek`](Engine::seek); each does its work and leaves the result here, for whoever asks next:
//!
//! | field | left by | taken by |
//! |---|---|---|
//! | `unread`, then `read` | a read | the next read; thrown away by a seek that succeeds |
//! | `unwritten`, `error` | a write, a flush | the error by the next operation; the bytes are tried again |
//! | `sought` | a seek | a seek to the same place; forgotten at any other operation |
//! | `lost` | a closure of the user's that panicked, or was never called | its caller |
//! | `broken` | an iterator that panicked | the stream |
//!
//! # Invariants
//!
//! - **E1** A read begins with `unread` and `read` empty. So what is in them is in the order of `io`.
//! - **E2** Bytes leave `unwritten` when `io` has taken them and not before, also if it panics.
//! - **E3** `dirty` is false only if `io` was flushed after its last write.

use core::mem;
use std::io::{Read, Seek, Write};
use std::vec::Vec;

use crate::JoinError;
use crate::io::{self, SeekFrom};

/// What the job in flight does, so that its failure is told to the right one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Doing {
    Read,
    Write,
    Seek(SeekFrom),
    /// A closure of the user's.
    Call,
    /// Asking an iterator.
    Items,
}

/// See the head of this file.
pub(super) struct Engine<T> {
    pub(super) io: T,
    pub(super) doing: Doing,
    pub(super) unread: Bytes,
    /// What comes after `unread`: an error, or the end.
    read: Option<io::Result<()>>,
    pub(super) unwritten: Bytes,
    /// [`write`](Engine::write), once there was something to write: for those who do not know that
    /// `T` can be written.
    pub(super) rewrite: fn(&mut Engine<T>),
    /// Whether a flush is owed. A new object may have been written before.
    pub(super) dirty: bool,
    error: Option<io::Error>,
    sought: Option<(SeekFrom, io::Result<u64>)>,
    pub(super) lost: Option<io::Error>,
    pub(super) broken: Option<JoinError>,
}

impl<T> Engine<T> {
    pub(super) fn new(io: T) -> Engine<T> {
        Engine {
            io,
            doing: Doing::Call,
            unread: Bytes::default(),
            read: None,
            unwritten: Bytes::default(),
            rewrite: |_| {},
            dirty: true,
            error: None,
            sought: None,
            lost: None,
            broken: None,
        }
    }

    /// Any operation but a seek begins: tells what went wrong with bytes that were accepted.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.sought = None;
        self.tell()
    }

    /// Tells once what went wrong with bytes that were accepted.
    pub(super) fn tell(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// What a read has left: how many bytes `put` took of it, or its end. `None`: nothing.
    pub(super) fn take_read(
        &mut self,
        put: impl FnOnce(&[u8]) -> usize,
    ) -> Option<io::Result<usize>> {
        if self.unread.rest().is_empty() {
            return self.read.take().map(|end| end.map(|()| 0));
        }
        let n = put(self.unread.rest());
        self.unread.advance(n);
        Some(Ok(n))
    }

    /// What a seek to `to` has left.
    pub(super) fn take_sought(&mut self, to: SeekFrom) -> Option<io::Result<u64>> {
        self.sought.take().filter(|(asked, _)| *asked == to).map(|(_, result)| result)
    }

    /// The job in flight panicked, or was never run. What was never run can be asked for again; a
    /// closure of the user's is gone.
    pub(super) fn failed(&mut self, error: JoinError) {
        match self.doing {
            Doing::Call => self.lost = Some(error.into()),
            _ if !error.is_panic() => {}
            Doing::Read => self.read = Some(Err(error.into())),
            Doing::Write => self.error = Some(error.into()),
            Doing::Seek(to) => self.sought = Some((to, Err(error.into()))),
            Doing::Items => self.broken = Some(error),
        }
    }
}

impl<T: Read> Engine<T> {
    /// Reads once, at most `room` bytes.
    pub(super) fn read(&mut self, room: usize) {
        let bytes = self.unread.room(room);
        match retried(|| self.io.read(bytes)).and_then(|n| io::within(n, room)) {
            Ok(0) => self.read = Some(Ok(())),
            Ok(n) => self.unread.filled(n),
            Err(error) => self.read = Some(Err(error)),
        }
    }
}

impl<T: Write> Engine<T> {
    /// Writes what is unwritten.
    pub(super) fn write(&mut self) {
        self.dirty = true;
        while !self.unwritten.rest().is_empty() {
            match self.write_some() {
                Ok(n) => self.unwritten.advance(n),
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            }
        }
    }

    fn write_some(&mut self) -> io::Result<usize> {
        let rest = self.unwritten.rest();
        match io::within(retried(|| self.io.write(rest))?, rest.len())? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            n => Ok(n),
        }
    }

    /// Writes what is unwritten; if that went well, flushes.
    pub(super) fn flush(&mut self) {
        self.write();
        if self.error.is_none() {
            match retried(|| self.io.flush()) {
                Ok(()) => self.dirty = false,
                Err(error) => self.error = Some(error),
            }
        }
    }
}

impl<T: Seek> Engine<T> {
    /// Seeks as seen by whoever has read up to `unread`.
    pub(super) fn seek(&mut self, to: SeekFrom) {
        let result = match self.as_seen_by_io(to) {
            Some(to) => retried(|| self.io.seek(to)),
            None => Err(io::Error::new(io::ErrorKind::InvalidInput, "seek before the start")),
        };
        if result.is_ok() {
            self.unread.clear();
            self.read = None;
        }
        self.sought = Some((to, result));
    }

    /// `io` is ahead by what is unread.
    fn as_seen_by_io(&self, to: SeekFrom) -> Option<SeekFrom> {
        match to {
            SeekFrom::Current(by) => {
                let ahead = i64::try_from(self.unread.rest().len()).ok()?;
                by.checked_sub(ahead).map(SeekFrom::Current)
            }
            other => Some(other),
        }
    }
}

/// Calls again what was interrupted by a signal.
fn retried<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Bytes on their way: `bytes[from..to]`. The rest of the memory is kept, and zeroed once.
#[derive(Default)]
pub(super) struct Bytes {
    bytes: Vec<u8>,
    from: usize,
    to: usize,
}

impl Bytes {
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.from..self.to]
    }

    pub(super) fn advance(&mut self, n: usize) {
        self.from += n;
    }

    pub(super) fn clear(&mut self) {
        (self.from, self.to) = (0, 0);
    }

    /// Memory to be filled, of `len` bytes; what was there is gone.
    fn room(&mut self, len: usize) -> &mut [u8] {
        self.clear();
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        &mut self.bytes[..len]
    }

    fn filled(&mut self, n: usize) {
        (self.from, self.to) = (0, n);
    }

    /// Copies from `bufs`, at most `max` bytes; what was there is gone. Answers how many.
    pub(super) fn copy_from(&mut self, bufs: &[io::IoSlice<'_>], max: usize) -> usize {
        let total = bufs.iter().map(|buf| buf.len()).fold(0, usize::saturating_add).min(max);
        let mut room = self.room(total);
        for buf in bufs {
            let n = buf.len().min(room.len());
            let (to, rest) = mem::take(&mut room).split_at_mut(n);
            to.copy_from_slice(&buf[..n]);
            room = rest;
        }
        self.filled(total);
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::vec;

    /// Takes up to three bytes a call, until it is full.
    struct Stingy(Vec<u8>, usize);

    impl Write for Stingy {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(3).min(self.1 - self.0.len());
            if n == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn take(engine: &mut Engine<Cursor<Vec<u8>>>, most: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        let put = |bytes: &[u8]| {
            taken.extend_from_slice(&bytes[..bytes.len().min(most)]);
            taken.len()
        };
        engine.take_read(put).expect("something is left").unwrap();
        taken
    }

    #[test]
    fn a_read_is_handed_out_in_parts_then_the_end() {
        let mut engine = Engine::new(Cursor::new(b"abcde".to_vec()));
        engine.read(4);
        assert_eq!(take(&mut engine, 3), b"abc");
        assert_eq!(take(&mut engine, 3), b"d");
        assert!(engine.take_read(|_| 0).is_none());
        engine.read(4);
        assert_eq!(take(&mut engine, 3), b"e");
        engine.read(4);
        assert_eq!(take(&mut engine, 3), b"");
        assert!(engine.take_read(|_| 0).is_none(), "the end is not latched");
    }

    #[test]
    fn a_seek_counts_from_what_was_handed_out() {
        let mut engine = Engine::new(Cursor::new(b"0123456789".to_vec()));
        engine.read(6);
        assert_eq!(take(&mut engine, 2), b"01");
        engine.seek(SeekFrom::Current(1));
        assert!(engine.take_sought(SeekFrom::Current(2)).is_none(), "another seek");
        engine.seek(SeekFrom::Current(-4));
        let before = engine.take_sought(SeekFrom::Current(-4)).unwrap();
        assert_eq!(before.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        engine.read(2);
        assert_eq!(take(&mut engine, 2), b"34");
        engine.read(2);
        engine.seek(SeekFrom::Current(i64::MIN));
        assert!(engine.take_sought(SeekFrom::Current(i64::MIN)).unwrap().is_err());
        assert_eq!(take(&mut engine, 2), b"56", "a seek that fails moves nothing");
    }

    #[test]
    fn a_failed_write_keeps_its_bytes_and_tells_each_try() {
        let mut engine = Engine::new(Stingy(vec![], 4));
        assert_eq!(engine.unwritten.copy_from(&[io::IoSlice::new(b"abcdefg")], 6), 6);
        for _ in 0..2 {
            engine.flush();
            assert_eq!(engine.begin().unwrap_err().kind(), io::ErrorKind::StorageFull);
            assert!(engine.begin().is_ok(), "told once");
            assert_eq!(engine.unwritten.rest(), b"ef");
            assert!(engine.dirty);
        }
        engine.io.1 = 100;
        engine.flush();
        assert!(engine.begin().is_ok() && !engine.dirty);
        assert_eq!(engine.io.0, b"abcdef");
    }

    #[test]
    fn slices_are_gathered_as_far_as_there_is_room() {
        let mut bytes = Bytes::default();
        let slices = [b"".as_slice(), b"ab", b"", b"cdef"].map(io::IoSlice::new);
        assert_eq!(bytes.copy_from(&slices, 5), 5);
        assert_eq!(bytes.rest(), b"abcde");
        assert_eq!(bytes.copy_from(&slices[..1], 5), 0);
        assert_eq!(bytes.rest(), b"");
    }
}
