//! The client of the echo workload: a process of its own, so that the server's processor time is the
//! server's alone, and plain threads with `poll`, so that it is nobody's runtime.
//!
//! ```text
//!   server's process                 this one
//!        │   ◀── ready ──   connected, and the warm-up is over
//!   start watch  ── go ──▶  every connection: send 64 bytes, await them, again
//!   stop watch   ◀── done ──
//! ```

use std::io::{Read, Write, stdin};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};

/// The first argument of this role.
pub(crate) const ROLE: &str = "--client";

pub(crate) const CONNECTIONS: usize = 64;
const THREADS: usize = 2;
const BYTES: usize = 64;
/// Requests of each connection that are not measured.
const WARM_UP: usize = 200;

pub(crate) fn run(address: &str, requests: usize) {
    // One more: this thread, which talks to the server's process.
    let step = Arc::new(Barrier::new(THREADS + 1));
    for _ in 0..THREADS {
        let (address, step) = (address.to_owned(), step.clone());
        thread::spawn(move || {
            let mut connections = Connections::open(&address, CONNECTIONS / THREADS);
            connections.ask(WARM_UP);
            step.wait();
            step.wait();
            connections.ask(requests);
            step.wait();
        });
    }
    step.wait();
    println!("ready");
    stdin().read_line(&mut String::new()).expect("the server says go");
    step.wait();
    step.wait();
    println!("done");
}

/// The connections of one thread.
struct Connections(Vec<Connection>);

struct Connection {
    stream: TcpStream,
    /// Of the answer that is awaited.
    received: usize,
    /// Requests that are still to be sent.
    left: usize,
}

impl Connections {
    fn open(address: &str, count: usize) -> Connections {
        Connections((0..count).map(|_| Connection::open(address)).collect())
    }

    /// Keeps one request under way on each connection until each has had `requests` answers.
    fn ask(&mut self, requests: usize) {
        for connection in &mut self.0 {
            connection.left = requests;
            connection.send();
        }
        let mut busy = self.0.len();
        while busy > 0 {
            for index in self.ready() {
                busy -= usize::from(self.0[index].go_on());
            }
        }
    }

    fn ready(&self) -> Vec<usize> {
        let interest = |c: &Connection| if c.left > 0 { PollFlags::IN } else { PollFlags::empty() };
        let mut polled: Vec<_> =
            self.0.iter().map(|c| PollFd::new(&c.stream, interest(c))).collect();
        poll(&mut polled, None).expect("`poll` waits");
        let ready = polled.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty());
        ready.map(|(index, _)| index).collect()
    }
}

impl Connection {
    fn open(address: &str) -> Connection {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("a socket option");
        Connection { stream, received: 0, left: 0 }
    }

    fn send(&mut self) {
        self.stream.write_all(&[7; BYTES]).expect("the server reads");
    }

    /// Reads what there is; `true` after the last answer.
    fn go_on(&mut self) -> bool {
        let mut buffer = [0; BYTES];
        let n = self.stream.read(&mut buffer[self.received..]).expect("the server answers");
        assert!(n > 0, "the server has closed a connection");
        self.received += n;
        if self.received < BYTES {
            return false;
        }
        self.received = 0;
        self.left -= 1;
        if self.left > 0 {
            self.send();
        }
        self.left == 0
    }
}
