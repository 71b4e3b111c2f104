//! Objects that block, and do it as awkwardly as they may.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use crate::support::{Drops, Gate, Probe, Random};

/// The byte at a place of a stream.
pub(crate) fn byte_at(place: usize) -> u8 {
    (place ^ place >> 8 ^ place >> 16) as u8
}

pub(crate) fn numbered(place: usize, len: usize) -> Vec<u8> {
    (place..place + len).map(byte_at).collect()
}

/// A file: reads, writes and seeks, in short pieces, interrupted now and then.
pub(crate) struct Disk {
    pub(crate) shared: Arc<Mutex<Vec<u8>>>,
    /// How many bytes it may hold.
    pub(crate) room: Arc<AtomicUsize>,
    at: usize,
    random: Random,
}

impl Disk {
    pub(crate) fn new(bytes: Vec<u8>) -> Disk {
        Disk {
            shared: Arc::new(Mutex::new(bytes)),
            room: Arc::new(AtomicUsize::new(usize::MAX)),
            at: 0,
            random: Random(7),
        }
    }

    /// How much this call moves, at most.
    fn piece(&mut self, len: usize) -> io::Result<usize> {
        match self.random.next() % 8 {
            0 => Err(io::ErrorKind::Interrupted.into()),
            1 => Ok(self.random.up_to(len)),
            _ => Ok(len),
        }
    }
}

impl Read for Disk {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        assert!(!buf.is_empty(), "nobody is asked for nothing");
        let most = self.piece(buf.len())?;
        let bytes = self.shared.lock().unwrap();
        let n = most.min(bytes.len().saturating_sub(self.at));
        buf[..n].copy_from_slice(&bytes[self.at..][..n]);
        self.at += n;
        Ok(n)
    }
}

impl Write for Disk {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        assert!(!buf.is_empty(), "nobody is given nothing");
        let most = self.piece(buf.len())?;
        let n = most.min(self.room.load(SeqCst).saturating_sub(self.at));
        if n == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut bytes = self.shared.lock().unwrap();
        let end = bytes.len().max(self.at + n);
        bytes.resize(end, 0);
        bytes[self.at..][..n].copy_from_slice(&buf[..n]);
        self.at += n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let len = self.shared.lock().unwrap().len();
        let (from, by) = match to {
            SeekFrom::Start(at) => (at as usize, 0),
            SeekFrom::End(by) => (len, by),
            SeekFrom::Current(by) => (self.at, by),
        };
        self.at = from.checked_add_signed(by as isize).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at as u64)
    }
}

/// Waits at `gate` before each call, after opening `begun`.
pub(crate) struct Slow<T> {
    pub(crate) inner: T,
    pub(crate) begun: Gate,
    pub(crate) gate: Gate,
    _dropped: Probe,
}

impl<T> Slow<T> {
    pub(crate) fn new(inner: T, drops: &Drops) -> Slow<T> {
        Slow { inner, begun: Gate::default(), gate: Gate::default(), _dropped: drops.probe() }
    }

    fn pass(&self) {
        self.begun.open();
        self.gate.pass();
    }
}

impl<T: Read> Read for Slow<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.pass();
        self.inner.read(buf)
    }
}

impl<T: Write> Write for Slow<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.pass();
        self.inner.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass();
        self.inner.flush()
    }
}

impl<T: Seek> Seek for Slow<T> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.pass();
        self.inner.seek(to)
    }
}

/// Opens a gate when it is dropped, to be kept beside what has to be gone by then.
pub(crate) struct Opens(pub(crate) Gate);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}
