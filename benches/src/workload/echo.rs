//! What does a small request over TCP cost the server?
//!
//! Measured: 64 connections, each with one request of 64 bytes under way at all times; the server's
//! processor time, user and system, per million requests. The clients are threads of another process
//! and the same for all subjects, see [`client`](crate::client).
//! Floor: the system calls. A hand-written epoll server of one thread takes 5.9 s per million; a
//! `recv` and a `send` alone are most of it.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use super::neutral::on_a_thread;
use super::{Sample, Stopwatch, Workload};
use crate::api::Api;
use crate::client::{self, CONNECTIONS};

pub(super) struct TcpEcho {
    /// Of each connection.
    pub(super) requests: usize,
}

impl Workload for TcpEcho {
    async fn run<A: Api>(self) -> Sample {
        let (address, told) = channel();
        let server = A::spawn(A::serve(address));
        let measured = on_a_thread(move || {
            let address = told.recv().expect("the server says where it is");
            measure(address, self.requests)
        });
        let sample = measured.await;
        drop(server);
        sample
    }
}

/// Lets the client warm up, then measures this process while the client works.
fn measure(address: SocketAddr, requests: usize) -> Sample {
    let mut client = Command::new(std::env::current_exe().expect("this program"))
        .args([client::ROLE, &address.to_string(), &requests.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a client");
    let mut to = client.stdin.take().expect("piped");
    let mut from = BufReader::new(client.stdout.take().expect("piped"));
    let mut hears = |word: &str| {
        let mut line = String::new();
        from.read_line(&mut line).expect("the client speaks");
        assert_eq!(line.trim(), word, "the client has ended early");
    };
    hears("ready");
    let watch = Stopwatch::start();
    to.write_all(b"go\n").expect("the client listens");
    hears("done");
    let (cpu, wall) = (watch.cpu_seconds(), watch.wall_seconds());
    client.wait().expect("the client ends");
    let requests = (requests * CONNECTIONS) as f64;
    Sample { main: cpu * 1e6 / requests, side: requests / wall }
}
