//! A runtime with an address form of its own, which it carries by Unix sockets: `Async<UnixStream>` is
//! the stream that its `Net` returns.
#![cfg(all(feature = "net", unix))]

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use runtime_traits::hooks::{Boxed, ByteStream, Net, Reactor};
use runtime_traits::io::{self, Async};
use runtime_traits::net::TcpStream;
use runtime_traits::{Handle, spawn};

#[path = "support/poll_reactor.rs"]
mod poll_reactor;
#[path = "support/toy.rs"]
mod toy;
use poll_reactor::PollReactor;
use toy::{Part, Toy, give_way};

/// The only address that is carried; TCP has the others.
const CARRIED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 7);

/// Connects by Unix sockets, whose other ends the test takes.
struct Carrier {
    reactor: PollReactor,
    theirs: Mutex<Vec<UnixStream>>,
}

impl Net for Carrier {
    fn connect(&self, to: SocketAddr) -> Option<Boxed<'_, io::Result<Box<dyn ByteStream>>>> {
        (to == CARRIED).then(|| {
            Box::pin(async {
                let (ours, theirs) = UnixStream::pair()?;
                self.theirs.lock().unwrap().push(theirs);
                let stream = Async::new_on(&Handle::current(), ours)?;
                Ok(Box::new(stream) as Box<dyn ByteStream>)
            }) as Boxed<'_, _>
        })
    }
}

impl Part for Carrier {
    fn name(&self) -> &'static str {
        "carrier"
    }
    fn reactor(&self) -> Option<&dyn Reactor> {
        Some(&self.reactor)
    }
    fn net(&self) -> Option<&dyn Net> {
        Some(self)
    }
}

fn toy() -> Arc<Toy<Carrier>> {
    Toy::new(Carrier { reactor: PollReactor::new(), theirs: Mutex::default() })
}

async fn pair(toy: &Toy<Carrier>) -> (TcpStream, UnixStream) {
    let ours = TcpStream::connect(CARRIED).await.unwrap();
    (ours, toy.part.theirs.lock().unwrap().pop().unwrap())
}

#[test]
fn bytes_come_and_go_and_each_direction_ends_by_itself() {
    let toy = toy();
    toy.run(async {
        let (ours, mut theirs) = pair(&toy).await;
        assert!(ours.as_source().is_some());
        ours.write_all(b"question").await.unwrap();
        ours.shutdown(Shutdown::Write).await.unwrap();
        ours.shutdown(Shutdown::Write).await.unwrap();
        let mut question = String::new();
        theirs.read_to_string(&mut question).unwrap();
        assert_eq!(question, "question");
        theirs.write_all(b"answer").unwrap();
        drop(theirs);
        assert_eq!(ours.read(&mut []).await.unwrap(), 0);
        let mut answer = Vec::new();
        ours.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
        assert_eq!(ours.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(ours.peer_addr().unwrap_err().kind(), io::ErrorKind::Unsupported);
    });
    assert_eq!(toy.part.reactor.registered(), 0);
}

/// The thread that reads begins when the writer waits.
#[test]
fn a_writer_waits_for_a_slow_reader() {
    let toy = toy();
    toy.run(async {
        let (ours, mut theirs) = pair(&toy).await;
        let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
        let expected = sent.clone();
        let writing = spawn(async move { ours.write_all(&sent).await.unwrap() });
        give_way(4).await;
        assert!(!writing.is_finished());
        let reading = std::thread::spawn(move || {
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).unwrap();
            received
        });
        writing.await.unwrap();
        assert!(reading.join().unwrap() == expected);
    });
}

#[test]
fn several_readers_all_finish() {
    let toy = toy();
    toy.run(async {
        let (ours, mut theirs) = pair(&toy).await;
        let ours = Arc::new(ours);
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let ours = ours.clone();
                spawn(async move { ours.read(&mut [0]).await.unwrap() })
            })
            .collect();
        give_way(4).await;
        theirs.write_all(b"abcd").unwrap();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 1);
        }
    });
}

#[test]
fn other_addresses_are_tcp() {
    let toy = toy();
    toy.run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert_eq!(ours.peer_addr().unwrap(), listener.local_addr().unwrap());
    });
}
