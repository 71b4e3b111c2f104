//! [`Async`]: any descriptor or socket, made awaitable.
//!
//! `waiting` has the futures and the named waiter, `traits` the poll traits.

use core::fmt;
use core::task::{Context, Poll};
use std::sync::Arc;

use super::source::{Registered, borrow, current};
use super::waiters::Who;
use crate::hooks::{BorrowedSource, Dir};
use crate::{Handle, io};

mod traits;
mod waiting;

use waiting::Until;
pub use waiting::{Readable, Waiter, Writable};

/// What [`Async`] can wait for: every `AsFd` (Unix) or `AsSocket` (Windows).
pub trait AsSource {
    /// The descriptor or socket.
    fn as_source(&self) -> BorrowedSource<'_>;
}

#[cfg(unix)]
impl<T: std::os::fd::AsFd> AsSource for T {
    fn as_source(&self) -> BorrowedSource<'_> {
        self.as_fd()
    }
}

#[cfg(windows)]
impl<T: std::os::windows::io::AsSocket> AsSource for T {
    fn as_source(&self) -> BorrowedSource<'_> {
        self.as_socket()
    }
}

/// A pipe, socket, inotify handle, … of std's or another crate's, made awaitable.
///
/// `Async::new` switches the descriptor to non-blocking mode and registers a *duplicate* of it with
/// the current runtime, so that whatever is done to the original through
/// [`get_mut`](Async::get_mut), nothing else can be waited for by mistake. Any number of tasks may
/// wait on either direction.
///
/// It stays with the runtime it was made on, wherever it is polled.
///
/// ```
/// # #[cfg(unix)]
/// # mod unix {
/// use runtime_traits::io::{self, Async, Read};
/// use std::os::unix::net::UnixStream;
///
/// async fn first_byte(stream: UnixStream) -> io::Result<u8> {
///     let mut stream = Async::new(stream)?;
///     let mut byte = [0];
///     stream.read_with_mut(|stream| stream.read(&mut byte)).await?;
///     Ok(byte[0])
/// }
/// # }
/// ```
///
/// # Contract
///
/// - **REACTOR-7** (must) Of several that wait for one direction each gets on, event by event.
pub struct Async<T> {
    io: T,
    source: Registered,
}

// `T` is never pinned: it is reached by `&` and `&mut` only.
impl<T> Unpin for Async<T> {}

impl<T: AsSource> Async<T> {
    /// Registers `io` with the current runtime.
    ///
    /// # Errors
    ///
    /// `Unsupported` if there is no current runtime or it has no reactor; else those of the system:
    /// out of descriptors, or nothing that can be waited for (a regular file).
    pub fn new(io: T) -> io::Result<Async<T>> {
        Async::new_on(&current()?, io)
    }

    /// Registers `io` with the runtime of `handle`.
    ///
    /// # Errors
    ///
    /// As [`new`](Async::new).
    pub fn new_on(handle: &Handle, io: T) -> io::Result<Async<T>> {
        let duplicate = io.as_source().try_clone_to_owned()?;
        // The mode belongs to what both descriptors refer to, so this sets the original's too.
        rustix::io::ioctl_fionbio(&duplicate, true)?;
        let source = Registered::new(handle.clone(), Arc::new(duplicate))?;
        Ok(Async { io, source })
    }
}

impl<T> Async<T> {
    /// The object itself.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// The object itself, to be changed. Replacing it leaves the registration with the former one.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    #[cfg(unix)]
    pub(crate) fn registered(&self) -> &Registered {
        &self.source
    }

    /// Deregisters and gives the object back. It is still in non-blocking mode.
    pub fn into_inner(self) -> T {
        self.io
    }

    /// Waits until it is readable, by asking the kernel: data, the end, an error or a hang-up.
    ///
    /// Another task may take what there is first; the read that follows can find nothing.
    ///
    /// ```
    /// # use runtime_traits::io::{self, Async, Read, Write};
    /// # use std::net::{TcpStream, UdpSocket};
    /// async fn wait(socket: &Async<UdpSocket>) -> io::Result<()> {
    ///     socket.readable().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe. Dropping the future releases its waker and takes nothing from other waiters.
    ///
    /// # Errors
    ///
    /// The runtime has ended.
    pub fn readable(&self) -> Readable<'_> {
        Readable(Until::new(&self.source, Dir::Read))
    }

    /// Waits until it is writable: there is room, or an error or hang-up to be told.
    ///
    /// ```
    /// # use runtime_traits::io::{self, Async, Read, Write};
    /// # use std::net::{TcpStream, UdpSocket};
    /// async fn wait(socket: &Async<UdpSocket>) -> io::Result<()> {
    ///     socket.writable().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe, as [`readable`](Async::readable).
    ///
    /// # Errors
    ///
    /// The runtime has ended.
    pub fn writable(&self) -> Writable<'_> {
        Writable(Until::new(&self.source, Dir::Write))
    }

    /// As [`readable`](Async::readable), for code that polls. Wakers are kept until the next event;
    /// a caller of which there are many wants a [`waiter`](Async::waiter).
    ///
    /// # Errors
    ///
    /// The runtime has ended.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll_ready(Dir::Read, Who::Anyone, cx)
    }

    /// As [`writable`](Async::writable), for code that polls.
    ///
    /// # Errors
    ///
    /// The runtime has ended.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll_ready(Dir::Write, Who::Anyone, cx)
    }

    /// Calls `op` until it answers something else than `WouldBlock`, waiting for readability.
    ///
    /// ```
    /// # use runtime_traits::io::{self, Async, Read, Write};
    /// # use std::net::{TcpStream, UdpSocket};
    /// async fn receive(socket: &Async<UdpSocket>, buf: &mut [u8]) -> io::Result<usize> {
    ///     socket.read_with(|socket| socket.recv(buf)).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: nothing has happened while `op` answers `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`; the runtime has ended.
    pub async fn read_with<R>(&self, mut op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.source.run(Dir::Read, || op(&self.io)).await
    }

    /// As [`read_with`](Async::read_with), with `&mut T`.
    ///
    /// ```
    /// # use runtime_traits::io::{self, Async, Read, Write};
    /// # use std::net::{TcpStream, UdpSocket};
    /// async fn read(stream: &mut Async<TcpStream>, buf: &mut [u8]) -> io::Result<usize> {
    ///     stream.read_with_mut(|stream| stream.read(buf)).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe, as [`read_with`](Async::read_with).
    ///
    /// # Errors
    ///
    /// Those of `op`; the runtime has ended.
    pub async fn read_with_mut<R>(
        &mut self,
        mut op: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.run(Dir::Read, || op(&mut self.io)).await
    }

    /// Calls `op` until it answers something else than `WouldBlock`, waiting for writability.
    ///
    /// ```
    /// # use runtime_traits::io::{self, Async, Read, Write};
    /// # use std::net::{TcpStream, UdpSocket};
    /// async fn send(socket: &Async<UdpSocket>, bytes: &[u8]) -> io::Result<usize> {
    ///     socket.write_with(|socket| socket.send(bytes)).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: nothing has happened while `op` answers `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`; the runtime has ended.
    pub async fn write_with<R>(&self, mut op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.source.run(Dir::Write, || op(&self.io)).await
    }

    /// As [`write_with`](Async::write_with), with `&mut T`.
    ///
    /// ```
    /// # use runtime_traits::io::{self, Async, Read, Write};
    /// # use std::net::{TcpStream, UdpSocket};
    /// async fn write(stream: &mut Async<TcpStream>, bytes: &[u8]) -> io::Result<usize> {
    ///     stream.write_with_mut(|stream| stream.write(bytes)).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe, as [`write_with`](Async::write_with).
    ///
    /// # Errors
    ///
    /// Those of `op`; the runtime has ended.
    pub async fn write_with_mut<R>(
        &mut self,
        mut op: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.run(Dir::Write, || op(&mut self.io)).await
    }

    /// An identity for code that polls `dir`: see [`Waiter`].
    pub fn waiter(&self, dir: Dir) -> Waiter<T, &Async<T>> {
        Waiter::new(self, dir)
    }
}

impl<T> fmt::Debug for Async<T>
where
    T: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Async")
            .field("io", &self.io)
            .field("runtime", self.source.handle())
            .finish_non_exhaustive()
    }
}

/// The descriptor that is registered: a duplicate of the object's.
#[cfg(unix)]
impl<T> std::os::fd::AsFd for Async<T> {
    fn as_fd(&self) -> BorrowedSource<'_> {
        borrow(self.source.source())
    }
}

/// The socket that is registered: a duplicate of the object's.
#[cfg(windows)]
impl<T> std::os::windows::io::AsSocket for Async<T> {
    fn as_socket(&self) -> BorrowedSource<'_> {
        borrow(self.source.source())
    }
}
