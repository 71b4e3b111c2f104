//! UNIX-2: where sockets are, and what connecting says.

use std::io::ErrorKind;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream as StdStream};
use std::path::Path;

use runtime_traits::net::unix::{UnixDatagram, UnixListener, UnixStream};
use runtime_traits::task::yield_now;
use socket2::{Domain, SockAddr, Socket, Type};

use super::transport::UnixCalls;
use crate::clauses::fs::place::Place;
use crate::clauses::tcp::steps::in_task;
use crate::rig::Rig;

/// How an address is compared, and told.
fn told(address: std::io::Result<SocketAddr>) -> String {
    match address {
        Ok(address) => format!("{address:?}"),
        Err(error) => format!("{error}"),
    }
}

fn same(what: &str, got: std::io::Result<SocketAddr>, expected: &SocketAddr) {
    let (got, expected) = (told(got), told(Ok(expected.clone())));
    assert!(got == expected, "UNIX-2: {what} is {got} instead of {expected}");
}

fn unnamed() -> SocketAddr {
    SocketAddr::from_pathname(Path::new("")).expect("no name at all")
}

/// Addresses of all kinds that there are here.
fn addresses(place: &Place) -> Vec<SocketAddr> {
    let mut all = vec![
        SocketAddr::from_pathname(place.at("p")).expect("a short path"),
        SocketAddr::from_pathname(place.at("with a space, and ü")).expect("a short path"),
    ];
    all.extend(abstract_names(place));
    all
}

#[cfg(target_os = "linux")]
fn abstract_names(place: &Place) -> Vec<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStringExt;
    let own = place.at("").into_os_string().into_vec(); // nobody else's
    let names = [own.clone(), [&own[..], &[0, 0xff, 0]].concat()];
    names.iter().map(|name| SocketAddr::from_abstract_name(name).expect("a short name")).collect()
}

#[cfg(not(target_os = "linux"))]
fn abstract_names(_: &Place) -> Vec<SocketAddr> {
    Vec::new()
}

/// UNIX-2: addresses come back as they were given: paths, abstract names, and none.
///
/// Method: at each address there is a listener of the runtime's. Both ends of a connection are asked where
/// they and the other are; so is one whose client is std's, at a path. Then std listens, and is asked who
/// has connected. The same of datagrams: who has sent them.
///
/// If this fails, look for a length that counts a NUL, or does not.
pub(super) fn unix_2_addresses_come_back(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let datagrams = rig.has(crate::Cap::Fd);
    in_task(rig, &rt, "UNIX-2: addresses", async move {
        for at in addresses(&place) {
            of_streams(&at, &place).await;
            if datagrams {
                of_datagrams(&at, &place).await;
            }
        }
    });
    rig.shutdown(rt);
}

async fn of_streams(at: &SocketAddr, place: &Place) {
    let listener = UnixListener::bind_addr(at);
    let listener = listener.unwrap_or_else(|e| panic!("UNIX-2: binding to {at:?} gave {e}"));
    same("where a listener is", listener.local_addr(), at);
    let client = UnixStream::connect_addr(at).await;
    let client = client.unwrap_or_else(|e| panic!("UNIX-2: connecting to {at:?} gave {e}"));
    let (accepted, from) = accept(&listener).await;
    same("where a client is", client.local_addr(), &unnamed());
    same("where a client's peer is", client.peer_addr(), at);
    same("where what was accepted is", accepted.local_addr(), at);
    same("where what was accepted comes from", accepted.peer_addr(), &unnamed());
    same("where accepting says it comes from", Ok(from), &unnamed());

    drop((client, accepted, listener));
    remove(at);

    let listener = again(|| UnixListener::bind_addr(at)).await;
    let listener = listener.unwrap_or_else(|e| panic!("UNIX-2: binding to {at:?} again gave {e}"));
    let named = SocketAddr::from_pathname(place.at("client")).expect("a short path");
    let bound = bound_client(&place.at("client"), at);
    let (accepted, from) = accept(&listener).await;
    same("who a client with a name is", Ok(from), &named);
    same("who the peer with a name is", accepted.peer_addr(), &named);
    drop((bound, listener));
    let _ = std::fs::remove_file(place.at("client"));
    remove(at);

    let listener = again(|| StdListener::bind_addr(at)).await.expect("std binds");
    let ours = UnixStream::connect_addr(at).await;
    let ours = ours.unwrap_or_else(|e| panic!("UNIX-2: connecting to std gave {e}"));
    let (_, from) = listener.accept().expect("std accepts");
    same("who std says that we are", Ok(from), &unnamed());
    same("who we say that std is", ours.peer_addr(), at);
    remove(at);
}

/// Binds where a socket was that was dropped: a runtime whose operations own what they work on may hold it
/// for a moment more.
async fn again<T>(bind: impl Fn() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match bind() {
            Err(error) if error.kind() == ErrorKind::AddrInUse => yield_now().await,
            bound => break bound,
        }
    }
}

async fn accept(listener: &UnixListener) -> (UnixStream, SocketAddr) {
    listener.accept().await.unwrap_or_else(|error| panic!("UNIX-2: accepting gave {error}"))
}

/// A client that has a name, which takes two calls of the system.
fn bound_client(path: &Path, to: &SocketAddr) -> StdStream {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    socket.bind(&SockAddr::unix(path).expect("a short path")).expect("binding to a path");
    // What is listened at is connected to as std does it.
    let to = match to.as_pathname() {
        Some(path) => SockAddr::unix(path),
        None => abstract_address(to),
    };
    socket.connect(&to.expect("an address")).expect("connecting");
    StdStream::from(std::os::fd::OwnedFd::from(socket))
}

#[cfg(target_os = "linux")]
fn abstract_address(to: &SocketAddr) -> std::io::Result<SockAddr> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    let name = to.as_abstract_name().unwrap_or_default();
    SockAddr::unix(std::ffi::OsStr::from_bytes(&[&[0], name].concat()))
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &SocketAddr) -> std::io::Result<SockAddr> {
    Err(ErrorKind::Unsupported.into())
}

async fn of_datagrams(at: &SocketAddr, place: &Place) {
    let make = |made: std::io::Result<UnixDatagram>| {
        made.unwrap_or_else(|error| panic!("UNIX-2: a datagram socket at {at:?} gave {error}"))
    };
    let receiver = make(UnixDatagram::bind_addr(at));
    same("where a datagram socket is", receiver.local_addr(), at);
    let unbound = make(UnixDatagram::unbound());
    same("where one without a name is", unbound.local_addr(), &unnamed());
    let path = place.at("sender");
    let named = make(UnixDatagram::bind(&path));
    for (sender, who) in
        [(unbound, unnamed()), (named, SocketAddr::from_pathname(&path).expect("short"))]
    {
        let sent = sender.send_to_addr(b"who am I", at).await;
        assert!(matches!(sent, Ok(8)), "UNIX-2: sending to {at:?} gave {sent:?}");
        let received = receiver.recv_from(&mut [0; 8]).await.map(|(_, from)| from);
        same("who has sent a datagram", received, &who);
        let connected = sender.connect_addr(at);
        assert!(connected.is_ok(), "UNIX-2: connecting a datagram socket gave {connected:?}");
        same("whom a datagram socket is connected to", sender.peer_addr(), at);
    }
    let _ = std::fs::remove_file(path);
    drop(receiver);
    remove(at);
}

/// The file of a socket, if it has one.
fn remove(at: &SocketAddr) {
    if let Some(path) = at.as_pathname() {
        std::fs::remove_file(path).expect("the file of a socket");
    }
}

/// UNIX-2: connecting to where nobody listens says why.
///
/// Method: a path where there is nothing; one whose listener has gone; one of a plain file; one that is
/// too long for an address; and binding where somebody is.
pub(super) fn unix_2_connecting_tells_the_truth(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let calls = rt.calls::<UnixCalls>();
    place.file(rig, "plain", b"no socket");
    let gone = rig.setup("a listener of std's", StdListener::bind(place.at("gone")));
    drop(gone);
    in_task(rig, &rt, "UNIX-2: connecting to nobody", async move {
        let address = |name: &str| SocketAddr::from_pathname(place.at(name)).expect("a short path");
        let connect = async |name: &str| {
            let connected = calls.0.connect(address(name)).await;
            connected.map(drop).map_err(|error| error.kind())
        };
        let missing = connect("missing").await;
        assert_eq!(missing, Err(ErrorKind::NotFound), "UNIX-2: connecting to a missing path");
        let gone = connect("gone").await;
        assert_eq!(
            gone,
            Err(ErrorKind::ConnectionRefused),
            "UNIX-2: connecting after the listener"
        );
        let plain = connect("plain").await;
        assert!(plain.is_err(), "UNIX-2: connecting to a plain file gave {plain:?}");
        let long = UnixStream::connect(place.at("x".repeat(200))).await.map(drop);
        let kind = long.as_ref().map_err(std::io::Error::kind);
        assert_eq!(
            kind,
            Err(ErrorKind::InvalidInput),
            "UNIX-2: connecting to a long path: {long:?}"
        );
        let listener = calls.0.bind(&address("twice"));
        assert!(listener.is_ok(), "UNIX-2: binding to a free path failed");
        let again = calls.0.bind(&address("twice")).map(drop).map_err(|error| error.kind());
        assert_eq!(again, Err(ErrorKind::AddrInUse), "UNIX-2: binding to a path that is in use");
        let works = connect("twice").await;
        assert_eq!(works, Ok(()), "UNIX-2: connecting to a listener");
    });
    rig.shutdown(rt);
}

/// UNIX-2: connecting to a listener whose queue is full waits, or fails and says so; `WouldBlock` does not
/// get out.
///
/// Method: std listens with room for one, and clients of std's connect until that would block. Then the
/// runtime connects. If that waits, std accepts everybody, and it must be connected, by a connection that
/// carries a byte.
///
/// If this fails with a hang, look for an event that is waited for, and does not come: there is none for
/// room in such a queue.
#[cfg(target_os = "linux")]
pub(super) fn unix_2_a_full_queue_is_waited_for(rig: &Rig<'_>) {
    use crate::clauses::tcp::steps::once;
    use crate::toolbox::within_watchdog;
    use std::io::Read;
    use std::task::Poll;
    use std::thread;

    let (rt, place) = (rig.rt(), Place::new(rig));
    let calls = rt.calls::<UnixCalls>();
    let path = place.at("full");
    let to = rig.setup("an address", SockAddr::unix(&path));
    let listener = rig.setup("a socket", Socket::new(Domain::UNIX, Type::STREAM, None));
    rig.setup("listening", listener.bind(&to).and_then(|()| listener.listen(1)));
    let mut waiting = Vec::new();
    loop {
        let client = rig.setup("a socket", Socket::new(Domain::UNIX, Type::STREAM, None));
        rig.setup("a socket's mode", client.set_nonblocking(true));
        match client.connect(&to) {
            Ok(()) => waiting.push(client),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => rig.setup("filling a queue", Err(error)),
        }
    }
    let all = waiting.len() + 1;
    let heard =
        in_task(rig, &rt, "UNIX-2: a connection, through a queue that was full", async move {
            let mut connecting =
                calls.0.connect(SocketAddr::from_pathname(&path).expect("a short path"));
            let (connected, accepts) = match once(&mut connecting).await {
                Poll::Ready(connected) => (connected, None),
                Poll::Pending => {
                    let accept = move || {
                        for _ in 1..all {
                            listener.accept()?;
                        }
                        listener.accept().map(|(last, _)| last)
                    };
                    let accepts = thread::spawn(accept);
                    (connecting.await, Some(accepts))
                }
            };
            match (connected, accepts) {
                (Err(error), _) => {
                    let kind = error.kind();
                    assert!(kind != ErrorKind::WouldBlock, "UNIX-2: a full queue gave {error}");
                    None
                }
                (Ok(_), None) => panic!("UNIX-2: connected at once through a queue that is full"),
                (Ok(conn), Some(accepts)) => {
                    let wrote = conn.write(b"x").await;
                    assert!(
                        matches!(wrote, Ok(1)),
                        "UNIX-2: writing after the wait gave {wrote:?}"
                    );
                    Some(accepts)
                }
            }
        });
    if let Some(accepts) = heard {
        let last = within_watchdog("UNIX-2: std to accept everybody", || accepts.join());
        let last = last.expect("it accepts").expect("std accepts whom it has queued");
        let mut byte = [0];
        let read = within_watchdog("UNIX-2: a byte through it", || (&last).read(&mut byte));
        assert!(matches!((read, byte), (Ok(1), [b'x'])), "UNIX-2: the last of the queue is not us");
    }
    rig.shutdown(rt);
}
