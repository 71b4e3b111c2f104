//! Making a connection: by the runtime's `Net`, by readiness, or by completion.

use core::future::{Future, poll_fn};
use core::task::Poll;

use socket2::{Domain, Protocol, Socket, Type};

use super::link::Link;
use super::lookup::look_up;
use super::race::{both_families, race};
use super::{Addrs, SocketAddr, Target, sys};
use crate::hooks::{Completion, Dir, Kind, Meta, Op, OpId, Task};
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
    let addrs = look_up(&handle, target).await?;
    in_turn(&handle, addrs, each).await
}

async fn in_turn<T, F>(
    handle: &Handle,
    addrs: Addrs,
    each: impl Fn(Handle, SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut last = None;
    for addr in addrs {
        match each(handle.clone(), addr).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}

/// Connects to `target`: if it is a name with addresses of both families, and there is a timer, to
/// whichever answers first, else to the first that answers.
pub(super) async fn connect_to(target: Target<'_>) -> io::Result<Link> {
    let handle = current()?;
    let is_list = matches!(target, Target::Many(_));
    let addrs = look_up(&handle, target).await?;
    if is_list || !both_families(addrs.as_slice()) || handle.runtime().timer().is_none() {
        return in_turn(&handle, addrs, connect).await;
    }
    race(&handle, addrs.collect(), |addr| connect(handle.clone(), addr)).await
}

pub(super) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the name has no address")
}

/// Calls `f` where it may block. Dropping the future leaves it running.
pub(super) async fn on_a_thread<T: Send + 'static>(
    handle: &Handle,
    name: &'static str,
    kind: Kind,
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let blocking = handle.require(Capability::Blocking, |rt| rt.blocking())?;
    let (task, answer) = Task::new(handle.clone(), Meta::new(Some(name)), async move { f() })?;
    if let Err((task, refused)) = blocking.spawn(task, kind) {
        task.refuse(refused);
    }
    answer.await?
}

/// Connects to one address.
async fn connect(handle: Handle, to: SocketAddr) -> io::Result<Link> {
    if let Some(made) = handle.runtime().net().and_then(|net| net.connect(to)) {
        let stream = made.await?;
        return Ok(Link::from_object(handle.clone(), stream));
    }
    check_sockets(&handle)?;
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match handle.runtime().reactor().is_some() {
        true => by_readiness(handle, socket, to).await,
        false => by_completion(handle, socket, to).await,
    }
}

/// Whether the runtime can do with sockets of the system's. Asked before one is made.
pub(super) fn check_sockets(handle: &Handle) -> io::Result<()> {
    let runtime = handle.runtime();
    match runtime.reactor().is_some() || runtime.completion().is_some() {
        true => Ok(()),
        false => Err(handle.unsupported(Capability::Net).into()),
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
