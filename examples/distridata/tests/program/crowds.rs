//! Thousands of clients that say hardly anything: ten, where the system grants as many descriptors.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::{
    Launch, Node, TestDir, WATCHDOG, raise_descriptor_limit, resident_kib, runtimes, until,
};

/// How many there are to be.
const CLIENTS: u64 = 10_000;
/// With fewer the test shows nothing.
const CLIENTS_MIN: u64 = 1_000;
/// Descriptors that this process and the node need for other things, other tests' included.
const OTHERS: u64 = 500;
/// What a client that has said something may cost: its task, the buffer that it was read into
/// (1 KiB), its answer, and what the runtime keeps for a socket. That is 4.0 to 4.5 KiB, measured
/// by this test in a debug build; the bound is twice as much, for allocators that round up.
const KIB_PER_CLIENT: u64 = 9;

#[test]
fn one_to_ten_thousand_idle_clients_are_served_and_cost_little() {
    let clients = CLIENTS.min(raise_descriptor_limit().saturating_sub(OTHERS));
    println!("{clients} clients: the system's limit of descriptors allows so many");
    assert!(clients >= CLIENTS_MIN, "raise the limit of descriptors: ulimit -Hn");
    for runtime in runtimes() {
        let dir = TestDir::new();
        let node = Launch::at(dir.join("data")).on(&runtime).start();
        assert_eq!(node.ask(&["SET", "a", "1"]), "OK");
        let before = resident_kib(node.pid());
        let crowd: Vec<TcpStream> = (0..clients).map(|_| come(node.addr)).collect();
        assert_eq!(node.count("connected_clients"), clients + 1);
        let grown = resident_kib(node.pid()).saturating_sub(before);
        println!("{runtime}: {grown} KiB for {clients} clients");
        assert!(grown < KIB_PER_CLIENT * clients, "{runtime}: {grown} KiB for {clients} clients");
        is_served(&node);
        greet(&crowd[0]);
        greet(crowd.last().unwrap());
        drop(crowd);
        until("the node lets them go", || match node.count("connected_clients") {
            1 => Ok(()),
            left => Err(format!("{left} clients")),
        });
        is_served(&node);
    }
}

/// Connects, says something once, and then nothing more.
fn come(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    greet(&stream);
    stream
}

fn greet(mut stream: &TcpStream) {
    stream.write_all(b"*1\r\n$4\r\nPING\r\n").unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
}

fn is_served(node: &Node) {
    for number in 0..100 {
        let number = number.to_string();
        assert_eq!(node.ask(&["SET", "a", &number]), "OK");
        assert_eq!(node.ask(&["GET", "a"]), number);
    }
}
