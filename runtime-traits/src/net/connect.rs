//! Making a connection: by the runtime's `Net`, by readiness, or by completion.

use core::future::{Future, poll_fn};
use core::task::Poll;

use socket2::{Domain, Protocol, Socket, Type};

use super::link::Link;
use super::lookup::look_up;
use super::{SocketAddr, Target, sys};
use crate::hooks::{Completion, Dir, Op, OpId};
use crate::io::source::{Registered, current};
use crate::{Capability, Handle, io};

/// Tries `each` address of `target` on the current runtime until one works; the last error wins.
pub(super) async fn first_that_works<T, F>(
    target: Target<'_>,
    each: impl Fn(Handle, SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let handle = current()?;
    let mut last = None;
    for addr in look_up(&handle, target).await? {
        match each(handle.clone(), addr).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}

pub(super) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the name has no address")
}

/// Connects to one address.
pub(super) async fn connect(handle: Handle, to: SocketAddr) -> io::Result<Link> {
    if let Some(made) = handle.runtime().net().and_then(|net| net.connect(to)) {
        let stream = made.await?;
        return Ok(Link::from_object(handle.clone(), stream));
    }
    let reactor = handle.runtime().reactor().is_some();
    if !reactor && handle.runtime().completion().is_none() {
        return Err(handle.unsupported(Capability::Net).into());
    }
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match reactor {
        true => by_readiness(handle, socket, to).await,
        false => by_completion(handle, socket, to).await,
    }
}

async fn by_readiness(handle: Handle, socket: Socket, to: SocketAddr) -> io::Result<Link> {
    let done = sys::connect(&socket, to)?;
    let source = Registered::new(handle, sys::source(socket))?;
    if !done {
        source.run(Dir::Write, || sys::connected(&sys::socket(source.source()))).await?;
    }
    Ok(Link::from_registered(source))
}

async fn by_completion(handle: Handle, socket: Socket, to: SocketAddr) -> io::Result<Link> {
    let source = sys::source(socket);
    let link = Link::from_source(handle, source)?;
    if let Some((hook, token)) = link.completion() {
        run(hook, Op::Connect { io: token, to }).await?;
    }
    Ok(link)
}

/// Runs one operation that has no buffer; dropping the future abandons it.
async fn run(hook: &dyn Completion, op: Op) -> io::Result<u32> {
    let id = hook.submit(op).map_err(|(_, error)| error)?;
    let mut flying = Flying { hook, id: Some(id) };
    poll_fn(|cx| match hook.poll_done(id, cx) {
        Poll::Ready(done) => {
            flying.id = None;
            Poll::Ready(done.res)
        }
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// An operation that nobody will ask for once this is dropped.
struct Flying<'a> {
    hook: &'a dyn Completion,
    id: Option<OpId>,
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.hook.abandon(id);
        }
    }
}
