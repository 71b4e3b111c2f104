//! Clients that do not speak RESP, ask for too much, or leave in the middle of a command.

use crate::support::{
    Client, Launch, Node, TestDir, redis_cli_fed, request, resident_kib, runtimes, until,
};

/// What is sent, and what the error says.
fn malformed() -> Vec<(Vec<u8>, &'static str)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (text("*x\r\n"), "invalid multibulk length"),
        (text("*99999999999\r\n"), "invalid multibulk length"),
        (text("*2000000\r\n"), "invalid multibulk length"),
        (text("*1\r\n+PING\r\n"), "expected '$', got '+'"),
        (text("*1\r\n$-5\r\nPING\r\n"), "invalid bulk length"),
        (text("*1\r\n$4x\r\nPING\r\n"), "invalid bulk length"),
        (text("*1\r\n$99999999999999999999\r\n"), "invalid bulk length"),
        (text("*1\r\n$4\r\nPINGPONG\r\n"), "line end"),
        (text("SET a \"b\r\n"), "unbalanced quotes"),
        ([b'a'; 100_000].to_vec(), "too big inline request"),
        // Limits that the node was started with.
        (request(&["SET", "a", &"b".repeat(1001)]), "invalid bulk length: at most 1000 bytes"),
        (
            request(&["MSET", "a", &"b".repeat(900), "c", &"d".repeat(900), "e", &"f".repeat(900)]),
            "too big command: at most 2000 bytes",
        ),
    ]
}

#[test]
fn what_is_no_request_is_answered_with_its_reason_and_the_connection_ends() {
    let dir = TestDir::new();
    let node = Launch::at(dir.join("data")).with("--max-value", "1000").start();
    assert_eq!(node.ask(&["SET", "a", "before"]), "OK");
    for (bytes, reason) in malformed() {
        let mut client = Client::connect(node.addr);
        client.send(&bytes).unwrap();
        let answer = String::from_utf8(client.rest()).unwrap();
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        assert!(answer.starts_with("-ERR Protocol error: "), "{start:?}: {answer:?}");
        assert!(answer.contains(reason), "{start:?}: {answer:?}");
        assert!(answer.ends_with("\r\n"), "{start:?}: {answer:?}");
    }
    assert_eq!(node.ask(&["GET", "a"]), "before", "the node lives, and nothing was done");
}

/// It sends all of its command before it reads an answer.
#[test]
fn redis_cli_hears_why_its_value_is_refused() {
    let dir = TestDir::new();
    for runtime in runtimes() {
        let node = Launch::at(dir.join(&runtime)).on(&runtime).with("--max-value", "1000").start();
        let told = redis_cli_fed(node.addr, &["-x", "SET", "big"], &vec![b'0'; 70_000_000]);
        assert_eq!(told, "ERR Protocol error: invalid bulk length: at most 1000 bytes");
        assert_eq!(node.ask(&["EXISTS", "big"]), "0");
    }
}

#[test]
fn what_came_before_the_nonsense_is_done_and_answered() {
    let dir = TestDir::new();
    let node = Launch::at(dir.join("data")).start();
    let mut client = Client::connect(node.addr);
    client.send(b"SET a 1\r\nINCR a\r\n*1\r\n!\r\nSET a 7\r\n").unwrap();
    let answer = String::from_utf8(client.rest()).unwrap();
    assert_eq!(answer, "+OK\r\n:2\r\n-ERR Protocol error: expected '$', got '!'\r\n");
    assert_eq!(node.ask(&["GET", "a"]), "2");
}

#[test]
fn limits_of_values_are_answered_and_the_connection_goes_on() {
    let dir = TestDir::new();
    let node = Launch::at(dir.join("data")).with("--max-value", "1000").start();
    let long = "x".repeat(1000);
    assert_eq!(node.ask(&["SET", "a", &long]), "OK");
    assert!(node.ask(&["APPEND", "a", "y"]).starts_with("ERR string exceeds maximum"));
    assert_eq!(node.ask(&["STRLEN", "a"]), "1000");
    for (args, answer) in [
        (&["NONSENSE", "x"][..], "ERR unknown command 'NONSENSE'"),
        (&["GET"], "ERR wrong number of arguments for 'get' command"),
        (&["SET", "a", "b", "EX", "0"], "ERR invalid expire time in 'set' command"),
        (&["SET", "a", "b", "WITH"], "ERR syntax error"),
        (&["INCR", "a"], "ERR value is not an integer"),
    ] {
        assert!(node.ask(args).starts_with(answer), "{args:?}: {}", node.ask(args));
    }
}

#[test]
fn half_a_command_does_nothing_and_costs_nothing() {
    let dir = TestDir::new();
    for runtime in runtimes() {
        let node = Launch::at(dir.join(&runtime)).on(&runtime).start();
        assert_eq!(node.ask(&["SET", "a", "1"]), "OK");
        let before = node.digest();
        let whole = request(&["SET", "a", "2"]);
        for cut in 0..whole.len() {
            let mut client = Client::connect(node.addr);
            client.send(&whole[..cut]).unwrap();
        }
        until_alone(&node);
        assert_eq!(node.digest(), before);
        // Byte by byte it is a command like any other.
        let mut client = Client::connect(node.addr);
        whole.iter().for_each(|byte| client.send(&[*byte]).unwrap());
        assert_eq!(client.receive().unwrap().to_string(), "OK");
        assert_eq!(node.ask(&["GET", "a"]), "2");
    }
}

/// Waits until all other clients are gone.
fn until_alone(node: &Node) {
    until("the node lets those go who left", || match node.count("connected_clients") {
        1 => Ok(()),
        others => Err(format!("{others} clients")),
    });
}

/// What a header claims is not believed: memory is taken for what has come.
#[test]
fn large_claims_cost_no_memory() {
    let dir = TestDir::new();
    let node = Launch::at(dir.join("data")).start();
    assert_eq!(node.ask(&["PING"]), "PONG");
    let before = resident_kib(node.pid());
    let mut clients: Vec<Client> = (0..100).map(|_| Client::connect(node.addr)).collect();
    for client in &mut clients {
        client.send(b"PING\r\n*1000000\r\n$60000000\r\nonly this much").unwrap();
        assert_eq!(client.receive().unwrap().to_string(), "PONG");
    }
    assert_eq!(node.ask(&["PING"]), "PONG");
    let grown = resident_kib(node.pid()).saturating_sub(before);
    println!("{grown} KiB for 100 clients that claim 60 MB each");
    assert!(grown < 100 << 10, "{grown} KiB, which is more than 1 MiB a client");
}

/// Bytes that mean nothing, the same in each run.
#[test]
fn noise_does_no_harm() {
    let dir = TestDir::new();
    let node = Launch::at(dir.join("data")).start();
    assert_eq!(node.ask(&["SET", "a", "1"]), "OK");
    let before = node.digest();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..300 {
        let noise: Vec<u8> = (0..round * 3).map(|_| next(&mut state)).collect();
        let mut client = Client::connect(node.addr);
        let _ = client.send(&noise);
    }
    until_alone(&node);
    assert_eq!(node.digest(), before);
}

/// xorshift64, with what is frequent in RESP made frequent.
fn next(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    let byte = (*state >> 32) as u8;
    match byte % 4 {
        0 => b"*$\r\n019-"[usize::from(byte >> 2) % 8],
        _ => (*state >> 40) as u8,
    }
}
