//! Writing to a [`File`] by inherent methods.

use core::future::poll_fn;

use super::File;
use crate::fs::flight::Call;
use crate::fs::state::JOB_MAX;
use crate::hooks::{FileOp, IoBuf};
use crate::io;
use crate::task::poll_proceed_on;

/// Writing.
impl File {
    /// Writes some of the bytes, and returns when the system has them; answers how many. At most 2 MiB
    /// at a time.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn some(file: &File, bytes: &[u8]) -> io::Result<usize> {
    ///     file.write(bytes).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running a write that has begun: it is written behind then, and an error of it is told by
    /// the next operation. If it had ended already, the bytes that the system did not take are kept all
    /// the same, and the next flush, close, sync or write tries them. One that waits for its turn writes nothing.
    ///
    /// # Errors
    ///
    /// The system's, and the cursor has not moved; an earlier write's that nobody was told, and nothing
    /// was written of this one; the runtime has ended.
    pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let mut call = Call::new(self.shared()?);
        call.wait(|shared, whose, who, cx| shared.poll_write(whose, who, cx, buf)).await
    }

    /// Writes all of the bytes, and returns when the system has them.
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn greet(file: &File) -> io::Result<()> {
    ///     file.write_all(b"hello\n").await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running, as [`write`](File::write); how much was written is lost with the future.
    ///
    /// # Errors
    ///
    /// `WriteZero` if nothing is taken any more; as [`write`](File::write).
    pub async fn write_all(&self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write(buf).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => buf = &buf[n..],
            }
        }
        Ok(())
    }

    /// Waits until the system has what was written behind. What could not be written is tried again,
    /// after the error was told. (For the device to have it, see [`sync_all`](File::sync_all).)
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn arrived(file: &File) -> io::Result<()> {
    ///     file.flush().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// Those of earlier writes.
    pub async fn flush(&self) -> io::Result<()> {
        Call::new(self.shared()?).wait(|shared, _, who, cx| shared.poll_flush(who, cx)).await
    }

    /// Writes at an offset, in bytes from the start, beside all else; the cursor does not move. Returns
    /// when the system has the bytes. (A file opened to append is written at its end, on Linux.)
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn patch(file: &File) -> io::Result<usize> {
    ///     file.write_at(&[0xFF], 1 << 33).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running; nobody is told how it ended.
    ///
    /// # Errors
    ///
    /// The system's; the runtime has ended.
    pub async fn write_at(&self, buf: &[u8], at: u64) -> io::Result<usize> {
        let shared = self.shared()?;
        if buf.is_empty() {
            return Ok(0);
        }
        poll_fn(|cx| poll_proceed_on(shared.handle(), cx)).await;
        let bytes = &buf[..buf.len().min(JOB_MAX)];
        let done = self.run(FileOp::WriteAt { buf: IoBuf::from(bytes.to_vec()), at }).await?;
        Ok(done.res.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX)).min(bytes.len()))
    }

    /// Writes all of the bytes at an offset, as [`write_at`](File::write_at).
    ///
    /// ```
    /// # use runtime_traits::{fs::File, io};
    /// async fn page(file: &File, page: &[u8; 4096]) -> io::Result<()> {
    ///     file.write_all_at(page, 4096).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running; how much was written is lost with the future.
    ///
    /// # Errors
    ///
    /// `WriteZero` if nothing is taken any more; as [`write_at`](File::write_at).
    pub async fn write_all_at(&self, mut buf: &[u8], mut at: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write_at(buf, at).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => (buf, at) = (&buf[n..], at + n as u64),
            }
        }
        Ok(())
    }
}
