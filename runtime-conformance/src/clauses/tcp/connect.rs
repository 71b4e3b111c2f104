//! TCP-1: making connections.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use socket2::{Domain, SockRef, Socket, Type};

use super::steps::in_task;
use super::table::write_all;
use super::transport::{ANYWHERE, Conn, Peer, TcpCalls};
use crate::rig::Rig;
use crate::toolbox::within_watchdog;

const ROUNDS: usize = 50;

/// TCP-1: `connect` succeeds only when the connection stands, and fails with the real error.
///
/// Method: a port that is bound, and at which nobody listens, refuses; a port at which somebody listens
/// gives a connection whose two addresses are those that the listener sees, and that carries a byte.
/// In turn, fifty times.
///
/// If this fails, look for a socket that is writable and taken for connected without a look at its
/// pending error.
pub(super) fn tcp_1_connect_tells_the_truth(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<TcpCalls>();
    let (_deaf, nobody) = rig.setup("a port without a listener", bound_and_deaf());
    let listener = rig.setup("a listener of std's", TcpListener::bind(ANYWHERE));
    let somebody = rig.setup("its address", listener.local_addr());
    in_task(rig, &rt, "TCP-1: a connection, or its error", async move {
        for _ in 0..ROUNDS {
            match calls.0.connect(nobody).await {
                Ok(_) => panic!("TCP-1: a port at which nobody listens gave a connection"),
                Err(error) => assert_eq!(
                    error.kind(),
                    ErrorKind::ConnectionRefused,
                    "TCP-1: what a port at which nobody listens gave: {error}"
                ),
            }
            let made = calls.0.connect(somebody).await;
            let conn = made.unwrap_or_else(|e| panic!("TCP-1: a port that listens gave {e}"));
            let accepted = listener.accept().expect("std accepts");
            stands(&*conn, accepted, somebody).await;
        }
    });
    rig.shutdown(rt);
}

/// A port that is taken, by a socket that does not listen.
fn bound_and_deaf() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let anywhere: SocketAddr = ANYWHERE.parse().expect("an address");
    socket.bind(&anywhere.into())?;
    let address = socket.local_addr()?.as_socket().expect("an IP address");
    Ok((socket, address))
}

/// The connection is between the two whom it is said to be between, and carries a byte.
async fn stands(conn: &dyn Conn, accepted: (std::net::TcpStream, SocketAddr), to: SocketAddr) {
    let (mut peer, from) = accepted;
    if let Some(source) = conn.source() {
        let socket = SockRef::from(&source);
        let address = |of: io::Result<socket2::SockAddr>| of.ok().and_then(|of| of.as_socket());
        let ends = (address(socket.local_addr()), address(socket.peer_addr()));
        assert_eq!(ends, (Some(from), Some(to)), "TCP-1: the ends of a connection");
    }
    write_all("TCP-1", conn, b"x").await;
    let mut byte = [0];
    let read = peer.read(&mut byte);
    assert!(matches!(read, Ok(1)) && byte == *b"x", "TCP-1: the peer read {read:?}: {byte:?}");
}

/// TCP-1: a connection that the peer resets as soon as it stands either fails to be made, with the
/// reason, or is made and fails at its first use.
///
/// Method: a peer of std's accepts and resets, on a thread of its own, as fast as it can.
///
/// If this fails, look for an error of the handshake that is taken off the socket and not told.
pub(super) fn tcp_1_a_connection_that_is_reset_at_once(rig: &Rig<'_>) {
    let rt = rig.rt();
    let calls = rt.calls::<TcpCalls>();
    let listener = rig.setup("a listener of std's", TcpListener::bind(ANYWHERE));
    let to = rig.setup("its address", listener.local_addr());
    let resets = thread::spawn(move || {
        for _ in 0..ROUNDS {
            let (peer, _) = listener.accept().expect("std accepts");
            peer.set_resets().expect("an option of the socket");
        }
    });
    in_task(rig, &rt, "TCP-1: a connection that is reset to be noticed", async move {
        let was_reset = |kind| {
            matches!(
                kind,
                ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
            )
        };
        for _ in 0..ROUNDS {
            match calls.0.connect(to).await {
                Err(error) => {
                    assert!(was_reset(error.kind()), "TCP-1: a reset connection gave {error}");
                }
                Ok(conn) => match conn.read(&mut [0]).await {
                    Ok(n) => panic!("TCP-1: reading from a reset connection gave {n}"),
                    Err(error) => {
                        let kind = error.kind();
                        assert!(was_reset(kind), "TCP-1: a reset connection's read: {error}");
                    }
                },
            }
        }
    });
    let joined = within_watchdog("TCP-1: the peer to have accepted", || resets.join());
    joined.expect("the peer accepts and resets");
    rig.shutdown(rt);
}
