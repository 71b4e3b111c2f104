//! Reading from a [`File`] by inherent methods, and its cursor.

use core::future::poll_fn;
use std::io::SeekFrom;
use std::string::String;
use std::vec::Vec;

use super::File;
use crate::fs::flight::Call;
use crate::fs::state::JOB_MAX;
use crate::hooks::{FileOp, IoBuf};
use crate::io;
use crate::task::poll_proceed_on;

/// How much [`File::read_to_end`] asks for at least, in bytes.
const CHUNK: usize = 32 * 1024;

/// Reading.
impl File {
    /// Reads some bytes, at least one; `0` is the end, or an empty buffer. At most 2 MiB at a time.
    ///
    /// What the system has in memory is read at once (on Linux, where the file system can tell); else
    /// on a thread.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn chunk(file: &File) -> io::Result<Vec<u8>> {
    ///     let mut buf = vec![0; 4096];
    ///     let n = file.read(&mut buf).await?;
    ///     buf.truncate(n);
    ///     Ok(buf)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: the cursor has not moved, and of a stream the next read has the bytes. (Lossy for the few
    /// regular files that give each byte once although they seek, such as `/proc/kmsg`.)
    ///
    /// # Errors
    ///
    /// The system's; an earlier write's that nobody was told; the runtime has ended.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut call = Call::new(self.shared()?);
        call.wait(|shared, whose, who, cx| shared.poll_read(whose, who, cx, buf)).await
    }

    /// Fills the whole buffer.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn version(file: &File) -> io::Result<u32> {
    ///     let mut version = [0; 4];
    ///     file.read_exact(&mut version).await?;
    ///     Ok(u32::from_le_bytes(version))
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: the cursor stands somewhere within.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the file ends first; as [`read`](File::read).
    pub async fn read_exact(&self, mut buf: &mut [u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read(buf).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => buf = &mut buf[n..],
            }
        }
        Ok(())
    }

    /// Appends all that comes until the end; answers how many bytes that was.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn rest(file: &File) -> io::Result<Vec<u8>> {
    ///     let mut bytes = Vec::new();
    ///     file.read_to_end(&mut bytes).await?;
    ///     Ok(bytes)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: what was read is in `bytes`.
    ///
    /// # Errors
    ///
    /// As [`read`](File::read); what was read before is in `bytes`.
    pub async fn read_to_end(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let before = bytes.len();
        let mut room = Room { filled: before, bytes };
        loop {
            match self.read(room.spare()).await? {
                0 => return Ok(room.filled - before),
                n => room.filled += n,
            }
        }
    }

    /// As [`read_to_end`](File::read_to_end), for text.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn text(file: &File) -> io::Result<String> {
    ///     let mut text = String::new();
    ///     file.read_to_string(&mut text).await?;
    ///     Ok(text)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: what was read is lost with the future, and the cursor stands behind it.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is not UTF-8, and `text` is as before; as [`read`](File::read).
    pub async fn read_to_string(&self, text: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).await?;
        let read = core::str::from_utf8(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        text.push_str(read);
        Ok(read.len())
    }

    /// Reads at an offset, in bytes from the start, beside all else; the cursor does not move. What was
    /// written behind and not flushed may be missing.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn page(file: &File, number: u64) -> io::Result<Vec<u8>> {
    ///     let mut page = vec![0; 4096];
    ///     let n = file.read_at(&mut page, number * 4096).await?;
    ///     page.truncate(n);
    ///     Ok(page)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// The system's; the runtime has ended.
    pub async fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let shared = self.shared()?;
        if buf.is_empty() {
            return Ok(0);
        }
        poll_fn(|cx| poll_proceed_on(shared.handle(), cx)).await;
        if let Some(Ok(n @ 1..)) = shared.object().try_read_at(buf, at) {
            return Ok(n.min(buf.len()));
        }
        let room = IoBuf::from(Vec::with_capacity(buf.len().min(JOB_MAX)));
        let done = self.run(FileOp::ReadAt { buf: room, at }).await?;
        let bytes = done.buf.map(IoBuf::into_vec).unwrap_or_default();
        let n = bytes.len().min(buf.len());
        buf[..n].copy_from_slice(&bytes[..n]);
        Ok(n)
    }

    /// Fills the whole buffer from an offset, as [`read_at`](File::read_at).
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn page(file: &File, page: &mut [u8; 4096]) -> io::Result<()> {
    ///     file.read_exact_at(page, 4096).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the file ends first; as [`read_at`](File::read_at).
    pub async fn read_exact_at(&self, mut buf: &mut [u8], mut at: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read_at(buf, at).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => (buf, at) = (&mut buf[n..], at + n as u64),
            }
        }
        Ok(())
    }
}

/// The cursor.
impl File {
    /// Moves the cursor; answers where it is then, in bytes from the start.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn len(file: &File) -> io::Result<u64> {
    ///     file.seek(io::SeekFrom::End(0)).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: the cursor has not moved.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a place before the start, or beyond 2⁶³; `NotSeekable` for most streams,
    /// and `ResourceBusy` for the others while a read is under way, also one that was dropped; an
    /// earlier write's that nobody was told.
    pub async fn seek(&self, to: SeekFrom) -> io::Result<u64> {
        let mut call = Call::new(self.shared()?);
        call.wait(|shared, whose, who, cx| shared.poll_seek(whose, who, cx, to)).await
    }

    /// Moves the cursor to the start.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn again(file: &File) -> io::Result<()> {
    ///     file.rewind().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// As [`seek`](File::seek).
    pub async fn rewind(&self) -> io::Result<()> {
        self.seek(SeekFrom::Start(0)).await.map(drop)
    }

    /// Where the cursor is, in bytes from the start.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn read_so_far(file: &File) -> io::Result<u64> {
    ///     file.stream_position().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// As [`seek`](File::seek).
    pub async fn stream_position(&self) -> io::Result<u64> {
        self.seek(SeekFrom::Current(0)).await
    }
}

/// The bytes that are read to an end: initialised in full, filled as far as `filled`, and cut to that
/// when it is dropped.
struct Room<'a> {
    bytes: &'a mut Vec<u8>,
    filled: usize,
}

impl Room<'_> {
    /// At least [`CHUNK`] bytes, and more the longer it gets, so that few are copied often.
    fn spare(&mut self) -> &mut [u8] {
        let Room { bytes, filled } = self;
        if bytes.len() - *filled < CHUNK / 2 {
            bytes.resize(*filled + (*filled / 2).clamp(CHUNK, JOB_MAX), 0);
        }
        &mut bytes[*filled..]
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.bytes.truncate(self.filled);
    }
}
