//! A connection around a connection: override what is wrong.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;

use runtime_conformance::clauses::tcp::transport::{
    Accepts, Boxed, Conn, Reads, Tcp, TcpCalls, Writes,
};
use runtime_traits::hooks::BorrowedSource;

/// What is different about a connection. Each default body passes on.
pub(crate) trait OnConn: Send + Sync + 'static {
    fn read<'a>(&'a self, conn: &'a dyn Conn, buf: &'a mut [u8]) -> Boxed<'a, usize> {
        conn.read(buf)
    }

    fn write<'a>(&'a self, conn: &'a dyn Conn, bytes: &'a [u8]) -> Boxed<'a, usize> {
        conn.write(bytes)
    }

    fn end_writing<'a>(&'a self, conn: &'a dyn Conn) -> Boxed<'a, ()> {
        conn.end_writing()
    }
}

/// The calls of the group, with a new `W` in every connection.
pub(crate) struct Wrapped<W: OnConn>(pub(crate) fn() -> W);

impl<W: OnConn> Wrapped<W> {
    pub(crate) fn around(make: fn() -> W, conn: Box<dyn Conn>) -> Box<dyn Conn> {
        Box::new(Different { conn: conn.into(), with: make().into() })
    }
}

impl<W: OnConn> Tcp for Wrapped<W> {
    fn connect(&self, to: SocketAddr) -> Boxed<'static, Box<dyn Conn>> {
        let (plain, make) = (TcpCalls::default().0.connect(to), self.0);
        Box::pin(async move { Ok(Wrapped::around(make, plain.await?)) })
    }

    fn bind(&self) -> Boxed<'static, Box<dyn Accepts>> {
        let (plain, make) = (TcpCalls::default().0.bind(), self.0);
        Box::pin(async move { Ok(Box::new(Listener { inner: plain.await?, make }) as _) })
    }

    fn adopt(&self, stream: std::net::TcpStream) -> io::Result<Box<dyn Conn>> {
        Ok(Wrapped::around(self.0, TcpCalls::default().0.adopt(stream)?))
    }
}

struct Listener<W> {
    inner: Box<dyn Accepts>,
    make: fn() -> W,
}

impl<W: OnConn> Accepts for Listener<W> {
    fn accept(&self) -> Boxed<'_, (Box<dyn Conn>, SocketAddr)> {
        Box::pin(async {
            let (conn, from) = self.inner.accept().await?;
            Ok((Wrapped::around(self.make, conn), from))
        })
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.inner.address()
    }

    fn source(&self) -> Option<BorrowedSource<'_>> {
        self.inner.source()
    }
}

/// A connection that is different. Its halves are the same connection twice; dropping the one that
/// writes ends nothing then, unless the connection is plain.
struct Different<W> {
    conn: Arc<dyn Conn>,
    with: Arc<W>,
}

impl<W: OnConn> Reads for Different<W> {
    fn read<'a>(&'a self, buf: &'a mut [u8]) -> Boxed<'a, usize> {
        self.with.read(&*self.conn, buf)
    }
}

impl<W: OnConn> Writes for Different<W> {
    fn write<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize> {
        self.with.write(&*self.conn, bytes)
    }

    fn write_vectored<'a>(&'a self, bytes: &'a [IoSlice<'a>]) -> Boxed<'a, usize> {
        self.conn.write_vectored(bytes)
    }
}

impl<W: OnConn> Conn for Different<W> {
    fn end_writing(&self) -> Boxed<'_, ()> {
        self.with.end_writing(&*self.conn)
    }

    fn into_split(self: Box<Self>) -> (Box<dyn Reads>, Box<dyn Writes>) {
        let (conn, with) = (self.conn.clone(), self.with.clone());
        (Box::new(Different { conn, with }), Box::new(EndsWhenDropped(*self)))
    }

    fn source(&self) -> Option<BorrowedSource<'_>> {
        self.conn.source()
    }
}

/// The half that writes.
struct EndsWhenDropped<W: OnConn>(Different<W>);

impl<W: OnConn> Writes for EndsWhenDropped<W> {
    fn write<'a>(&'a self, bytes: &'a [u8]) -> Boxed<'a, usize> {
        self.0.write(bytes)
    }

    fn write_vectored<'a>(&'a self, bytes: &'a [IoSlice<'a>]) -> Boxed<'a, usize> {
        self.0.write_vectored(bytes)
    }
}

impl<W: OnConn> Drop for EndsWhenDropped<W> {
    fn drop(&mut self) {
        // A socket that the system buffers for ends at once, so one poll is enough.
        let mut ending = self.0.end_writing();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = ending.as_mut().poll(&mut cx);
    }
}
