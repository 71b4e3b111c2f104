//! Our ends of a child's pipes.
//!
//! A pipe is used itself, without a duplicate: when it is dropped here it is closed, which is what the
//! child waits for. `link` tells the system's pipes from a runtime's own, `end` is one of the system's,
//! `traits` has the poll traits.

use core::fmt;
use std::process;
use std::vec::Vec;

use super::Stdio;
use crate::hooks::Dir;
use crate::io::source::current;
use crate::{Handle, io};

mod link;
mod traits;

#[cfg(unix)]
#[path = "pipes/unix.rs"]
mod end;
#[cfg(windows)]
#[path = "pipes/windows.rs"]
mod end;

pub(super) use link::Link;

/// Where a child's input comes from. Dropping it ends that input.
///
/// On Unix written bytes are with the system when a write returns; on Windows, when a flush or
/// [`write_all`](ChildStdin::write_all) does. Closing it by `&mut` (`AsyncWrite`) drops the pipe; by
/// `&`, it flushes only, for others may still write.
pub struct ChildStdin {
    /// Empty once it is closed.
    link: Option<Link>,
}

impl ChildStdin {
    pub(super) fn on(handle: &Handle, pipe: process::ChildStdin) -> io::Result<ChildStdin> {
        Link::new(handle, pipe.into(), Dir::Write).map(ChildStdin::from_link)
    }

    pub(super) fn from_link(link: Link) -> ChildStdin {
        ChildStdin { link: Some(link) }
    }

    fn link(&self) -> io::Result<&Link> {
        self.link.as_ref().ok_or_else(closed)
    }

    /// A pipe of std's, on the current runtime.
    ///
    /// # Errors
    ///
    /// `Unsupported` if there is no runtime or it has no reactor (on Windows: no `Blocking`); else those
    /// of the system.
    pub fn from_std(pipe: process::ChildStdin) -> io::Result<ChildStdin> {
        ChildStdin::on(&current()?, pipe)
    }

    /// The pipe alone, in blocking mode.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if it was closed; `Unsupported` if the runtime made it by other means; else those
    /// of the system.
    pub fn into_std(self) -> io::Result<process::ChildStdin> {
        Ok(self.link.ok_or_else(closed)?.into_owned()?.into())
    }

    /// Writes some of `bytes`; answers how many.
    ///
    /// ```
    /// # use runtime_traits::{io, process::ChildStdin};
    /// async fn say(stdin: &ChildStdin) -> io::Result<usize> {
    ///     stdin.write(b"hello").await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped write has written nothing.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if nobody reads it, or it was closed; the runtime has ended.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let link = self.link()?;
        link.side(Dir::Write).wait(|who, cx| link.poll_write(who, cx, bytes)).await
    }

    /// Writes all of `bytes`.
    ///
    /// ```
    /// # use runtime_traits::{io, process::ChildStdin};
    /// async fn say(stdin: ChildStdin) -> io::Result<()> {
    ///     stdin.write_all(b"hello, and bye\n").await // and the end of the input
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: how much was written is lost with the future.
    ///
    /// # Errors
    ///
    /// As [`write`](ChildStdin::write); `WriteZero` if it takes nothing.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(bytes).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => bytes = &bytes[n..],
            }
        }
        let link = self.link()?;
        link.side(Dir::Write).wait(|who, cx| link.poll_flush(who, cx)).await
    }
}

/// For the next child, in blocking mode, as that expects.
impl TryFrom<ChildStdin> for Stdio {
    type Error = io::Error;

    fn try_from(pipe: ChildStdin) -> io::Result<Stdio> {
        pipe.into_std().map(Stdio::from)
    }
}

impl fmt::Debug for ChildStdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChildStdin").field(&self.link).finish()
    }
}

/// The two types that read, which are the same.
macro_rules! output_pipe {
    ($(#[$attr:meta])* $name:ident) => {
        $(#[$attr])*
        pub struct $name {
            link: Link,
        }

        impl $name {
            pub(super) fn on(handle: &Handle, pipe: process::$name) -> io::Result<$name> {
                Link::new(handle, pipe.into(), Dir::Read).map($name::from_link)
            }

            pub(super) fn from_link(link: Link) -> $name {
                $name { link }
            }

            pub(super) fn into_link(self) -> Link {
                self.link
            }

            /// A pipe of std's, on the current runtime.
            ///
            /// # Errors
            ///
            /// `Unsupported` if there is no runtime or it has no reactor (on Windows: no `Blocking`);
            /// else those of the system.
            pub fn from_std(pipe: process::$name) -> io::Result<$name> {
                $name::on(&current()?, pipe)
            }

            /// The pipe alone, in blocking mode.
            ///
            /// # Errors
            ///
            /// `Unsupported` if the runtime made it by other means; else those of the system.
            pub fn into_std(self) -> io::Result<process::$name> {
                Ok(self.link.into_owned()?.into())
            }

            /// Reads what there is, at least one byte; `0` is the end, or an empty buffer.
            ///
            /// # Cancellation
            ///
            /// Safe: a dropped read has read nothing.
            ///
            /// # Errors
            ///
            /// Those of the system; the runtime has ended.
            ///
            #[doc = concat!("```\n# use runtime_traits::{io, process::", stringify!($name), "};")]
            #[doc = concat!("async fn first(pipe: &", stringify!($name), ") -> io::Result<u8> {")]
            /// let mut byte = [0];
            /// pipe.read(&mut byte).await?;
            /// Ok(byte[0])
            /// }
            /// ```
            pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
                let link = &self.link;
                link.side(Dir::Read).wait(|who, cx| link.poll_read(who, cx, buf)).await
            }

            /// Appends all that comes until the end; answers how much that was.
            ///
            /// It ends when *everybody* who has the other end has closed it: the child's own children
            /// may have it.
            ///
            /// # Cancellation
            ///
            /// Safe: what was read is in `bytes`.
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`read`](", stringify!($name), "::read).")]
            ///
            #[doc = concat!("```\n# use runtime_traits::{io, process::", stringify!($name), "};")]
            #[doc = concat!("async fn all(pipe: ", stringify!($name), ") -> io::Result<Vec<u8>> {")]
            /// let mut bytes = Vec::new();
            /// pipe.read_to_end(&mut bytes).await?;
            /// Ok(bytes)
            /// }
            /// ```
            pub async fn read_to_end(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
                self.link.read_to_end(bytes).await
            }
        }

        /// For the next child, in blocking mode, as that expects.
        ///
        #[doc = concat!("```\n# use runtime_traits::{io, process::*};")]
        /// async fn lines(text: ChildStdout) -> io::Result<Output> {
        ///     Command::new("wc").arg("-l").stdin(Stdio::try_from(text)?).output().await
        /// }
        /// ```
        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            fn try_from(pipe: $name) -> io::Result<Stdio> {
                pipe.into_std().map(Stdio::from)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.link).finish()
            }
        }
    };
}

output_pipe! {
    /// What a child writes. Dropped, the child's writes fail from then on.
    ChildStdout
}

output_pipe! {
    /// What a child writes to its error output. Dropped, the child's writes there fail from then on.
    ChildStderr
}

/// It was closed here.
fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "this end of the pipe was closed")
}
