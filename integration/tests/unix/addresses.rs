//! UNIX-2: addresses come back as they were given, and errors are the real ones.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;

use runtime_traits::net::unix::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

use crate::Dir;
use crate::support::{on_every_runtime, with_every_runtime};

async fn refusal(path: std::path::PathBuf) -> ErrorKind {
    UnixStream::connect(path).await.unwrap_err().kind()
}

on_every_runtime! {
    async fn paths_come_back() {
        let dir = Dir::new();
        let path = dir.path("s");
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
        let ours = UnixStream::connect(&path).await.unwrap();
        assert_eq!(ours.peer_addr().unwrap().as_pathname(), Some(&*path));
        assert!(ours.local_addr().unwrap().is_unnamed());
        let (theirs, from) = listener.accept().await.unwrap();
        assert_eq!(theirs.local_addr().unwrap().as_pathname(), Some(&*path));
        assert!(from.is_unnamed() && theirs.peer_addr().unwrap().is_unnamed());
        let text = format!("{listener:?} {ours:?}");
        assert!(text.contains("/s") && text.contains("unnamed"), "{text}");
    }

    #[cfg(target_os = "linux")]
    async fn abstract_names_come_back() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = [b"\0\xffname".as_slice(), &std::process::id().to_be_bytes()].concat();
        let name = [name, format!("{:?}", std::thread::current().id()).into_bytes()].concat();
        let at = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixListener::bind_addr(&at).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_abstract_name(), Some(&*name));
        let ours = UnixStream::connect_addr(&at).await.unwrap();
        assert_eq!(ours.peer_addr().unwrap().as_abstract_name(), Some(&*name));
        let (_theirs, from) = listener.accept().await.unwrap();
        assert!(from.is_unnamed());
        let error = UnixListener::bind_addr(&at).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(listener);
        let error = UnixStream::connect_addr(&at).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // Without a name the system finds one.
        let unnamed = SocketAddr::from_pathname("").unwrap();
        let found = UnixDatagram::bind_addr(&unnamed).unwrap().local_addr().unwrap();
        assert!(found.as_abstract_name().is_some());
        let error = UnixStream::connect_addr(&unnamed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    /// The system takes a path that fills all of an address; std's type has room for one byte less.
    #[cfg(target_os = "linux")]
    async fn an_address_that_cannot_be_told_is_unnamed() {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, connect, socket};
        let dir = Dir::new();
        let to = |name| SocketAddrUnix::new(dir.path(name)).unwrap();
        let longest = |first: u8| {
            let rest = 108 - dir.path("").as_os_str().len() - 1;
            dir.path(&format!("{first}{}", "n".repeat(rest)))
        };
        let bound = |kind, first| {
            let peer = socket(AddressFamily::UNIX, kind, None).unwrap();
            bind(&peer, &SocketAddrUnix::new(longest(first)).unwrap()).unwrap();
            peer
        };
        // A connection is not dropped for its peer's name.
        let listener = UnixListener::bind(dir.path("s")).unwrap();
        let peer = bound(SocketType::STREAM, 1);
        connect(&peer, &to("s")).unwrap();
        let (served, from) = listener.accept().await.unwrap();
        assert!(from.is_unnamed() && served.peer_addr().unwrap().is_unnamed());
        served.write_all(b"x").await.unwrap();
        let ours = UnixStream::try_from(std::os::unix::net::UnixStream::from(peer)).unwrap();
        assert!(ours.local_addr().unwrap().is_unnamed());
        assert_eq!(ours.read(&mut [0; 2]).await.unwrap(), 1);
        // Nor is a datagram.
        let receiver = UnixDatagram::bind(dir.path("d")).unwrap();
        let sender = bound(SocketType::DGRAM, 2);
        connect(&sender, &to("d")).unwrap();
        rustix::io::write(&sender, b"once").unwrap();
        let (n, from) = receiver.recv_from(&mut [0; 8]).await.unwrap();
        assert!(n == 4 && from.is_unnamed());
    }

    async fn errors_of_connect_are_the_real_ones() {
        let dir = Dir::new();
        assert_eq!(refusal(dir.path("missing")).await, ErrorKind::NotFound);
        std::fs::write(dir.path("file"), "no socket").unwrap();
        assert_eq!(refusal(dir.path("file")).await, ErrorKind::ConnectionRefused);
        drop(UnixListener::bind(dir.path("left")).unwrap());
        assert_eq!(refusal(dir.path("left")).await, ErrorKind::ConnectionRefused);
        assert_eq!(refusal(dir.path(&"long".repeat(40))).await, ErrorKind::InvalidInput);
        let error = UnixListener::bind(dir.path("left")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let error = UnixListener::bind(dir.path("missing/s")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let _socket = UnixDatagram::bind(dir.path("datagrams")).unwrap();
        let error = UnixStream::connect(dir.path("datagrams")).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::PROTOTYPE.raw_os_error()));
        // Root may do everything.
        if !rustix::process::geteuid().is_root() {
            let _listener = UnixListener::bind(dir.path("s")).unwrap();
            let nobody = std::fs::Permissions::from_mode(0o000);
            std::fs::set_permissions(dir.path("s"), nobody).unwrap();
            assert_eq!(refusal(dir.path("s")).await, ErrorKind::PermissionDenied);
        }
    }

    /// The file is the way in, and no more.
    async fn a_socket_file_may_be_removed() {
        let dir = Dir::new();
        let path = dir.path("s");
        let listener = UnixListener::bind(&path).unwrap();
        let waits = UnixStream::connect(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(refusal(path.clone()).await, ErrorKind::NotFound);
        // Those that were in before are served, and its name is what it was.
        let (served, _) = listener.accept().await.unwrap();
        served.write_all(b"x").await.unwrap();
        assert_eq!(waits.read(&mut [0]).await.unwrap(), 1);
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
        // Another may take the place.
        let next = UnixListener::bind(&path).unwrap();
        let _ours = UnixStream::connect(&path).await.unwrap();
        next.accept().await.unwrap();
        assert!(listener.take_error().unwrap().is_none());
    }
}

with_every_runtime! {
    /// Whoever is told that there is no socket finds no file of it either.
    fn what_cannot_be_registered_leaves_no_file(start: Start) {
        let dir = Dir::new();
        let owner = start();
        let handle = owner.handle();
        drop(owner);
        handle.enter(|| {
            UnixListener::bind(dir.path("s")).unwrap_err();
            UnixDatagram::bind(dir.path("d")).unwrap_err();
        });
        assert_eq!(std::fs::read_dir(dir.path("")).unwrap().count(), 0);
        // Nor is another's file touched.
        std::fs::write(dir.path("s"), "mine").unwrap();
        handle.enter(|| UnixListener::bind(dir.path("s"))).unwrap_err();
        assert!(dir.path("s").exists());
    }
}
