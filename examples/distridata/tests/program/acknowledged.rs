//! `--fsync always` and SIGKILL: what was acknowledged is there, and nothing that nobody wrote.
//!
//! A kill keeps what the kernel has, so this does not show that the disk has it: `traced` does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use crate::support::{Client, Launch, Node, TestDir, request, runtimes, until_true};

/// Clients that write at the same time.
const WRITERS: u64 = 6;
/// Commands that each sends before it waits for answers.
const BATCH: u64 = 5;
/// Kills per runtime.
const ROUNDS: u64 = 3;

#[test]
fn a_primary_killed_under_load_loses_no_acknowledged_write() {
    for runtime in runtimes() {
        let dir = TestDir::new();
        let launch = Launch::at(dir.join("data")).on(&runtime).with("--fsync", "always");
        let mut node = launch.start();
        let mut all = Vec::new();
        for round in 0..ROUNDS {
            let written = killed_under_load(node, round);
            // The witness: writes were under way when the node was killed.
            let in_flight: u64 = written.iter().map(|one| one.sent - one.acknowledged).sum();
            assert!(in_flight > 0, "nobody was waiting for an answer");
            all.extend(written);
            node = launch.start();
            check(&node, &all);
        }
        println!("{runtime}: {} writes acknowledged", acknowledged(&all));
    }
}

/// What one client wrote: the keys `name:0`, `name:1`, ….
struct Written {
    name: String,
    sent: u64,
    acknowledged: u64,
}

fn acknowledged(all: &[Written]) -> u64 {
    all.iter().map(|one| one.acknowledged).sum()
}

fn key(name: &str, number: u64) -> String {
    format!("{name}:{number}")
}

/// Each value can be told from its key.
fn value(name: &str, number: u64) -> String {
    format!("{name} wrote {}", number * 7)
}

/// Writes until the node is killed, which is once so many writes are acknowledged.
fn killed_under_load(node: Node, round: u64) -> Vec<Written> {
    let (addr, total) = (node.addr, AtomicU64::new(0));
    let enough = 600 + 500 * round;
    thread::scope(|scope| {
        let names = (0..WRITERS).map(|writer| format!("round {round} writer {writer}"));
        let total = &total;
        let writers: Vec<_> =
            names.map(|name| scope.spawn(move || write(addr, name, total))).collect();
        until_true("enough is written", || total.load(Relaxed) >= enough);
        node.kill();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

fn write(addr: SocketAddr, name: String, total: &AtomicU64) -> Written {
    let mut written = Written { name, sent: 0, acknowledged: 0 };
    let mut client = Client::connect(addr);
    // The end of the connection is the end of the work.
    while write_batch(&mut client, &mut written, total).is_ok() {}
    written
}

fn write_batch(
    client: &mut Client,
    written: &mut Written,
    total: &AtomicU64,
) -> std::io::Result<()> {
    let name = &written.name;
    let numbers = written.sent..written.sent + BATCH;
    let bytes = numbers.flat_map(|n| request(&["SET", &key(name, n), &value(name, n)]));
    let bytes: Vec<u8> = bytes.collect();
    // Counted before it is sent: a part may arrive though sending fails.
    written.sent += BATCH;
    client.send(&bytes)?;
    for _ in 0..BATCH {
        let answer = client.receive()?;
        assert_eq!(answer.to_string(), "OK");
        written.acknowledged += 1;
        total.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// Acknowledged: there. Sent and not acknowledged: there or not, but in order. Nothing else.
fn check(node: &Node, all: &[Written]) {
    let mut client = Client::connect(node.addr);
    let mut found = 0;
    for one in all {
        let keys: Vec<String> = (0..one.sent).map(|number| key(&one.name, number)).collect();
        let gets: Vec<Vec<&str>> = keys.iter().map(|key| vec!["GET", key]).collect();
        let mut there = 0;
        for (number, answer) in (0..).zip(client.pipeline(&gets)) {
            if answer == "(nil)" {
                break;
            }
            assert_eq!(answer, value(&one.name, number));
            there += 1;
        }
        assert!(
            there >= one.acknowledged,
            "{}: {} of {} acknowledged writes are there",
            one.name,
            there,
            one.acknowledged
        );
        found += there;
    }
    assert_eq!(
        client.ask(&["DBSIZE"]),
        found.to_string(),
        "keys that nobody wrote, or out of order"
    );
}
