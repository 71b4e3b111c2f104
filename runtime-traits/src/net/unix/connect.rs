//! Connecting to a listener, whose queue may be full.
//!
//! The system connects at once, or refuses at once: `EAGAIN` if too many connections wait to be
//! accepted. That is not a matter of readiness: no event follows when there is room. A thread that
//! blocks gets in, so one is borrowed, as std would wait. It looks up every so often whether anybody
//! still wants the connection, and whether the runtime goes on.

use core::time::Duration;
use std::sync::Arc;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::hooks::{Kind, State};
use crate::io::{self, ErrorKind};
use crate::net::connect::{check_sockets, on_a_thread};
use crate::net::link::Link;
use crate::net::sys;
use crate::{Gone, Handle};

/// How long the thread waits before it looks whether the connection is still wanted.
const PATIENCE: Duration = Duration::from_millis(100);

pub(super) async fn connect(handle: Handle, to: SockAddr) -> io::Result<Link> {
    check_sockets(&handle)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let socket = match socket.connect(&to) {
        Ok(()) => socket,
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            wait_for_room(&handle, socket, to).await?
        }
        Err(error) => return Err(error),
    };
    Link::from_source(handle, sys::source(socket))
}

async fn wait_for_room(handle: &Handle, socket: Socket, to: SockAddr) -> io::Result<Socket> {
    if handle.runtime().blocking().is_none() {
        let text = "the listener's queue is full, and the runtime has no thread that could wait";
        return Err(io::Error::new(ErrorKind::ResourceBusy, text));
    }
    let wanted = Arc::new(());
    let (asked, home) = (Arc::downgrade(&wanted), handle.clone());
    let is_wanted = move || asked.strong_count() > 0 && home.info().state == State::Running;
    let connect = move || connect_patiently(&socket, &to, is_wanted).map(|()| socket);
    let connected = on_a_thread(handle, "connect", Kind::LongIo, connect).await;
    drop(wanted); // or with the future
    connected
}

/// Blocks until the connection stands, or nobody asks for it any more.
fn connect_patiently(
    socket: &Socket,
    to: &SockAddr,
    is_wanted: impl Fn() -> bool,
) -> io::Result<()> {
    socket.set_nonblocking(false)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    loop {
        match socket.connect(to) {
            Err(error) if is_early(&error) => {
                if !is_wanted() {
                    return Err(Gone.into());
                }
            }
            done => {
                done?;
                socket.set_write_timeout(None)?;
                return socket.set_nonblocking(true);
            }
        }
    }
}

/// The wait ended early, by time or by a signal.
fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
