//! Clients that ask and do not read (promise D5): they cost a limit each, and nobody else anything.

use std::io::Read;
use std::thread;

use crate::support::{Client, Launch, TestDir, request, resident_kib, runtimes, until, until_true};

/// Clients that never read.
const DEAF: usize = 20;
/// How often each of them asks the same; the names of all keys alone would be 60 MB for each.
const QUESTIONS: usize = 2_000;
const KEYS: usize = 600;
/// Values that are copied into answers, and values that are shared.
const COPIED: usize = 15_000;
const SHARED: usize = 1 << 20;
/// For each: what has been asked (64 KiB at most), and some answers that are not sent (256 KiB),
/// twice for buffers that grow by doubling. Shared values do not count.
const KIB_PER_DEAF: u64 = 640;

#[test]
fn clients_that_never_read_cost_a_limit_and_others_are_served() {
    for runtime in runtimes() {
        let dir = TestDir::new();
        let node = Launch::at(dir.join("data")).on(&runtime).start();
        assert_eq!(node.ask(&["SET", "shared", &"x".repeat(SHARED)]), "OK");
        assert_eq!(node.ask(&["SET", "copied", &"x".repeat(COPIED)]), "OK");
        for number in 0..KEYS {
            assert_eq!(node.ask(&["SET", &format!("key:{number:040}"), ""]), "OK");
        }
        let questions = [["GET", "shared"], ["GET", "copied"], ["KEYS", "key:*"]];
        let before = resident_kib(node.pid());
        let commands = node.count("total_commands_processed");
        let deaf: Vec<Client> = (0..DEAF)
            .map(|number| {
                let mut client = Client::connect(node.addr);
                let question = request(&questions[number % questions.len()]);
                client.send(&question.repeat(QUESTIONS)).unwrap();
                client
            })
            .collect();
        until_true("the node has begun with all of them", || {
            node.count("total_commands_processed") >= commands + DEAF as u64
        });
        let mut largest = 0;
        for number in 0..500 {
            let number = number.to_string();
            assert_eq!(node.ask(&["SET", "small", &number]), "OK");
            assert_eq!(node.ask(&["GET", "small"]), number);
            largest = largest.max(resident_kib(node.pid()));
        }
        let grown = largest.saturating_sub(before);
        println!("{runtime}: {grown} KiB for {DEAF} clients that ask and do not read");
        assert!(grown < KIB_PER_DEAF * DEAF as u64, "{runtime}: {grown} KiB");
        // Some begin to read: all is there, in order.
        let mut deaf = deaf.into_iter();
        for length in [SHARED, COPIED, KEYS * "key:_".len() + KEYS * 40 - 1] {
            let mut client = deaf.next().unwrap();
            for _ in 0..20 {
                assert_eq!(client.receive().unwrap().to_string().len(), length);
            }
        }
        drop(deaf);
        until("the node lets them go", || match node.count("connected_clients") {
            1 => Ok(()),
            left => Err(format!("{left} clients")),
        });
    }
}

/// One command of 300 KB, an answer of 700 MB: a value that is asked for often is not copied often.
#[test]
fn one_command_that_asks_for_very_much_costs_little() {
    let dir = TestDir::new();
    let node = Launch::at(dir.join("data")).start();
    assert_eq!(node.ask(&["SET", "k", &"x".repeat(COPIED)]), "OK");
    let before = resident_kib(node.pid());
    let names = std::iter::once("MGET").chain(std::iter::repeat_n("k", 50_000));
    let mut client = Client::connect(node.addr);
    client.send(&request(&names.collect::<Vec<_>>())).unwrap();
    let mut stream = client.into_stream();
    let mut start = [0; 15];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"*50000\r\n$15000\r");
    let grown = resident_kib(node.pid()).saturating_sub(before);
    println!("{grown} KiB for an answer of 700 MB");
    assert!(grown < 16 << 10, "{grown} KiB");
}

#[test]
fn a_subscriber_that_never_reads_is_let_go_and_the_others_hear_everything() {
    for runtime in runtimes() {
        let dir = TestDir::new();
        let node = Launch::at(dir.join("data")).on(&runtime).start();
        let mut listening = subscribed(node.addr);
        let deaf = subscribed(node.addr);
        let mut publisher = Client::connect(node.addr);
        let before = resident_kib(node.pid());
        let mut count = 0;
        until("the one who does not read is let go", || {
            let message = message(count);
            let reached = publisher.ask(&["PUBLISH", "news", &message]);
            count += 1;
            assert_eq!(listening.receive().unwrap().to_string(), format!("message news {message}"));
            if reached == "1" { Ok(()) } else { Err(format!("{count} messages, {reached}")) }
        });
        let grown = resident_kib(node.pid()).saturating_sub(before);
        println!("{runtime}: let go after {count} messages of 64 KiB; {grown} KiB");
        assert!(grown < 16 << 10, "{runtime}: {grown} KiB");
        heard_the_first(deaf, count);
        assert_eq!(publisher.ask(&["PUBLISH", "news", "more"]), "1");
        assert_eq!(listening.receive().unwrap().to_string(), "message news more");
    }
}

fn message(number: usize) -> String {
    format!("{number:08}{}", "m".repeat(64 << 10))
}

fn subscribed(addr: std::net::SocketAddr) -> Client {
    let mut client = Client::connect(addr);
    assert_eq!(client.ask(&["SUBSCRIBE", "news"]), "subscribe news 1");
    client
}

/// What did reach the one who was let go is a beginning of what was said, and then it ends.
fn heard_the_first(mut deaf: Client, count: usize) {
    let heard = deaf.rest();
    let said: Vec<u8> =
        (0..count).flat_map(|n| request(&["message", "news", &message(n)])).collect();
    assert!(said.len() > heard.len(), "it missed something");
    assert!(said.starts_with(&heard), "and only at the end");
}

/// Many publish at once to many who read.
#[test]
fn all_who_read_hear_all_messages_in_each_ones_order() {
    let dir = TestDir::new();
    let node = Launch::at(dir.join("data")).start();
    let listeners: Vec<Client> = (0..4).map(|_| subscribed(node.addr)).collect();
    thread::scope(|scope| {
        for publisher in 0..3 {
            let addr = node.addr;
            scope.spawn(move || {
                let mut client = Client::connect(addr);
                for number in 0..200 {
                    client.ask(&["PUBLISH", "news", &format!("{publisher} {number}")]);
                }
            });
        }
        for mut listener in listeners {
            scope.spawn(move || {
                let mut next = [0; 3];
                for _ in 0..600 {
                    let heard = listener.receive().unwrap().to_string();
                    let words: Vec<usize> =
                        heard.split(' ').filter_map(|word| word.parse().ok()).collect();
                    assert_eq!(words[1], next[words[0]]);
                    next[words[0]] += 1;
                }
            });
        }
    });
}
