//! TCP-1 for names with addresses of both families.
//!
//! The names and some of the addresses belong to a decorator of the runtime: what is silent there is
//! silent for ever, so a connection that stands has not waited for it.

use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex};

use runtime_traits::Handle;
use runtime_traits::hooks::{Boxed, ByteStream, Info, Net, Runtime, Spawn, Tag, Timer};
use runtime_traits::net::{SocketAddr, TcpListener, TcpStream};

use crate::support::{Drops, on_every_runtime, waiting, with_every_runtime};

/// What is at an address of ours.
#[derive(Clone, Copy)]
enum There {
    /// No answer, ever.
    Silence,
    /// This error, at once.
    Fails(io::ErrorKind),
    /// The system's error of number [`REFUSAL`], at once.
    Refuses,
    /// The system's.
    System,
}

/// The runtime, but that it knows one name, and what is there.
struct Named {
    inner: Handle,
    timer: bool,
    there: Vec<(SocketAddr, There)>,
    tried: Mutex<Vec<SocketAddr>>,
    given_up: Drops,
}

impl Named {
    fn new(there: &[(SocketAddr, There)]) -> Named {
        Named {
            inner: Handle::current(),
            timer: true,
            there: there.to_vec(),
            tried: Mutex::default(),
            given_up: Drops::default(),
        }
    }

    /// Connects to the name; answers how that went, and which addresses were tried.
    async fn connect(self) -> (io::Result<TcpStream>, Vec<SocketAddr>) {
        let this = Arc::new(self);
        let handle = Handle::from_arc(this.clone());
        let connected = handle.wrap(async { TcpStream::connect("name:1").await }).await;
        let tried = this.tried.lock().unwrap().clone();
        (connected, tried)
    }
}

impl Runtime for Named {
    fn tag(&self) -> &Tag {
        self.inner.runtime().tag()
    }

    fn info(&self) -> Info {
        self.inner.info()
    }

    fn spawner(&self) -> &dyn Spawn {
        self.inner.runtime().spawner()
    }

    fn timer(&self) -> Option<&dyn Timer> {
        if self.timer { self.inner.runtime().timer() } else { None }
    }

    fn net(&self) -> Option<&dyn Net> {
        Some(self)
    }

    fn inner(&self) -> Option<&dyn Runtime> {
        Some(self.inner.runtime())
    }
}

impl Net for Named {
    fn connect(&self, to: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn ByteStream>>>> {
        self.tried.lock().unwrap().push(to);
        let (_, there) = self.there.iter().find(|(addr, _)| *addr == to)?;
        match *there {
            There::Silence => {
                let probe = self.given_up.probe();
                Some(Box::pin(async move {
                    let _probe = probe;
                    pending().await
                }))
            }
            There::Fails(kind) => Some(Box::pin(async move { Err(kind.into()) })),
            There::Refuses => Some(Box::pin(async { Err(io::Error::from_raw_os_error(REFUSAL)) })),
            There::System => None,
        }
    }

    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Option<Boxed<'a, io::Result<Vec<SocketAddr>>>> {
        Some(Box::pin(async { Ok(self.there.iter().map(|(addr, _)| *addr).collect()) }))
    }
}

fn v6(n: u16) -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], n))
}

fn v4(n: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], n))
}

/// Some number of the system's.
const REFUSAL: i32 = 111;
const REFUSED: There = There::Fails(io::ErrorKind::ConnectionRefused);
const UNREACHABLE: There = There::Fails(io::ErrorKind::NetworkUnreachable);

on_every_runtime! {
    async fn a_silent_address_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let named = Named::new(&[
            (v6(1), There::Silence),
            (v6(2), There::Silence),
            (at, There::System),
        ]);
        let given_up = named.given_up.clone();
        let (connected, tried) = named.connect().await;
        let ours = connected.unwrap();
        assert_eq!(ours.peer_addr().unwrap(), at);
        assert_eq!(listener.accept().await.unwrap().1, ours.local_addr().unwrap());
        // The families take turns, so the second silent one need not have been tried.
        assert_eq!(tried[..2], [v6(1), at]);
        assert_eq!(given_up.get(), tried.len() - 1, "who lost is dropped");
    }

    async fn after_an_error_the_next_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let there = [(v6(1), UNREACHABLE), (v6(2), REFUSED), (v4(3), REFUSED), (at, There::System)];
        let (connected, tried) = Named::new(&there).connect().await;
        assert_eq!(connected.unwrap().peer_addr().unwrap(), at);
        assert_eq!(tried, [v6(1), v4(3), v6(2), at]);
    }

    async fn all_errors_are_told() {
        let there = [(v6(1), UNREACHABLE), (v4(2), REFUSED)];
        let (connected, tried) = Named::new(&there).connect().await;
        let error = connected.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let text = error.to_string();
        for part in ["[::1]:1: network unreachable", "127.0.0.1:2: connection refused"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(tried, [v6(1), v4(2)]);
    }

    /// TCP-1: where all say the same, it is the system's own error, number and all.
    async fn one_error_of_all_keeps_its_number() {
        let there = [(v6(1), There::Refuses), (v4(2), There::Refuses)];
        let (connected, tried) = Named::new(&there).connect().await;
        let error = connected.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(REFUSAL));
        assert_eq!(tried, [v6(1), v4(2)]);
    }

    /// Who cannot be late is tried in the resolver's order.
    async fn without_a_timer_one_is_tried_after_the_other() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let mut named = Named::new(&[(v6(1), REFUSED), (v6(2), REFUSED), (at, There::System)]);
        named.timer = false;
        let (connected, tried) = named.connect().await;
        assert_eq!(connected.unwrap().peer_addr().unwrap(), at);
        assert_eq!(tried, [v6(1), v6(2), at]);
    }

    /// TCP-1: what one address says alone is its own error.
    async fn one_family_does_not_race() {
        let (connected, tried) = Named::new(&[(v4(1), UNREACHABLE), (v4(2), REFUSED)]).connect().await;
        assert_eq!(connected.unwrap_err().to_string(), "connection refused");
        assert_eq!(tried, [v4(1), v4(2)]);
        let none = Named::new(&[]).connect().await.0.unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::InvalidInput);
    }
}

with_every_runtime! {
    /// SHUTDOWN-4: the delay will never be over, and that is told.
    fn a_race_hears_of_the_end_of_its_runtime(start: Start) {
        let runtime = start();
        // More than can be tried while the watchdog looks on.
        let silent = (0..500).flat_map(|n| [(v6(n), There::Silence), (v4(n), There::Silence)]);
        let named = runtime.handle().enter(|| Named::new(&silent.collect::<Vec<_>>()));
        let race = waiting(async move { named.connect().await.0 });
        drop(runtime);
        assert_eq!(race.join().unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
