//! Promises C1–C3, and replies as redis 7.0.15 gives them: it was sent the same lines.

use super::*;
use crate::engine::open::apply_all;
use crate::journal::Journal;
use crate::resp::{Limits, Parsed, Parser};
use crate::store::Store;
use crate::testing::Random;

/// A store, a clock, and the log that a follower would get.
struct Node {
    store: Store,
    journal: Journal,
    now: u64,
}

const NOW: u64 = 1_700_000_000_000;

impl Node {
    fn new() -> Node {
        Node { store: Store::new(), journal: Journal::new(), now: NOW }
    }

    /// What one line answers, with line ends as spaces.
    fn ask(&mut self, line: &str) -> String {
        let input = format!("{line}\r\n");
        let mut parser = Parser::new(Limits::default());
        assert_eq!(parser.parse(input.as_bytes()), Ok(Parsed::Complete(input.len())));
        let mut replies = Replies::new();
        match Command::parse(parser.args(input.as_bytes())) {
            Ok(Command::Data(data)) => self.run(&data, &mut replies),
            Ok(Command::Plain(plain)) => plain.reply(&mut replies),
            Ok(Command::Connection(connection)) => return format!("{connection:?}"),
            Err(fault) => replies.error(fault.text()),
        }
        String::from_utf8(replies.into_copied()).unwrap().trim_end().replace("\r\n", " ")
    }

    /// C1 and `writes`, too: errors and reads log nothing.
    fn run(&mut self, data: &Data<'_>, replies: &mut Replies) {
        let before = self.journal.pending_len();
        let (store, journal) = (&mut self.store, &mut self.journal);
        let mut transaction = Transaction { store, journal, now: self.now, value_max: 1000 };
        data.run(&mut transaction, replies);
        let is_error = replies.chunk().starts_with(b"-");
        if is_error || !data.writes() {
            assert_eq!(self.journal.pending_len(), before, "{data:?}");
        }
    }

    /// Whether the line logs anything.
    fn logs(&mut self, line: &str) -> bool {
        let before = self.journal.pending_len();
        self.ask(line);
        self.journal.pending_len() > before
    }

    fn expect(&mut self, dialogue: &[(&str, &str)]) {
        for (line, reply) in dialogue {
            assert_eq!(self.ask(line), *reply, "{line}");
        }
    }
}

#[test]
fn strings_answer_like_redis() {
    Node::new().expect(&[
        ("GET a", "$-1"),
        ("set a 1", "+OK"),
        ("SeT a 2 nx", "$-1"),
        ("set a 2 xx get", "$1 1"),
        ("set c 3 nx get", "$-1"),
        ("set a 1 nx xx", "-ERR syntax error"),
        ("set a 1 ex", "-ERR syntax error"),
        ("set a 1 ex x", "-ERR value is not an integer or out of range"),
        ("set a 1 ex 0", "-ERR invalid expire time in 'set' command"),
        ("set a 1 ex 9223372036854775", "-ERR invalid expire time in 'set' command"),
        ("set a 1 px 9223372036854775807", "-ERR invalid expire time in 'set' command"),
        ("set a 1 keepttl ex 10", "-ERR syntax error"),
        ("set a 1 ex 10 px 10", "-ERR syntax error"),
        ("set a 1 ex x foo", "-ERR syntax error"),
        ("set a 1 ex 0 ex 10 nx", "$-1"),
        ("mget a b c", "*3 $1 2 $-1 $1 3"),
        ("mset a 1 b", "-ERR wrong number of arguments for 'mset' command"),
        ("mset a 1 b 2 a 3", "+OK"),
        ("get a", "$1 3"),
        ("append a 45", ":3"),
        ("append new \"\"", ":0"),
        ("exists new a a", ":3"),
        ("strlen a", ":3"),
        ("set a 1 pxat 1", "+OK"),
        ("exists a", ":0"),
        ("get", "-ERR wrong number of arguments for 'get' command"),
        ("get a b", "-ERR wrong number of arguments for 'get' command"),
    ]);
}

#[test]
fn values_have_a_limit() {
    let mut node = Node::new();
    node.ask(&format!("set a {}", "x".repeat(999)));
    let too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    node.expect(&[("append a y", ":1000"), ("append a z", too_long), ("strlen a", ":1000")]);
}

#[test]
fn integers_answer_like_redis() {
    let no_integer = "-ERR value is not an integer or out of range";
    Node::new().expect(&[
        ("incr n", ":1"),
        ("incrby n 10", ":11"),
        ("decrby n 12", ":-1"),
        ("decr n", ":-2"),
        ("incrby n 1.0", no_integer),
        ("decrby n -9223372036854775808", "-ERR decrement would overflow"),
        ("set n 9223372036854775807", "+OK"),
        ("incr n", "-ERR increment or decrement would overflow"),
        ("set n 01", "+OK"),
        ("incr n", no_integer),
        ("set n 5 ex 100", "+OK"),
        ("incr n", ":6"),
        ("ttl n", ":100"),
    ]);
}

#[test]
fn times_answer_like_redis() {
    let mut node = Node::new();
    node.expect(&[
        ("ttl a", ":-2"),
        ("expire a 10", ":0"),
        ("set a 1", "+OK"),
        ("ttl a", ":-1"),
        ("expire a 10 gt", ":0"),
        ("expire a 10 lt", ":1"),
        ("expire a 20 nx", ":0"),
        ("expire a 20 xx gt", ":1"),
        (
            "expire a 20 nx xx",
            "-ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
        ("expire a 20 gt lt", "-ERR GT and LT options at the same time are not compatible"),
        ("expire a x foo", "-ERR Unsupported option foo"),
        ("expire a x", "-ERR value is not an integer or out of range"),
        ("expire a 9223372036854775", "-ERR invalid expire time in 'expire' command"),
        ("pexpire a 9223372036854775807", "-ERR invalid expire time in 'pexpire' command"),
        ("pttl a", ":20000"),
        ("expiretime a", ":1700000020"),
        ("persist a", ":1"),
        ("persist a", ":0"),
        ("pexpire a 1500", ":1"),
    ]);
    node.now += 1_499;
    node.expect(&[("ttl a", ":0"), ("pttl a", ":1"), ("get a", "$1 1")]);
    node.now += 1;
    node.expect(&[
        ("get a", "$-1"),
        ("ttl a", ":-2"),
        ("type a", "+none"),
        ("keys *", "*0"),
        ("dbsize", ":1"),
        ("expire a 10", ":0"),
        ("del a", ":0"),
        ("set a 2 keepttl", "+OK"),
        ("ttl a", ":-1"),
        ("expire a -1", ":1"),
        ("exists a", ":0"),
        ("dbsize", ":0"),
    ]);
}

#[test]
fn keys_answer_like_redis() {
    Node::new().expect(&[
        ("mset k1 1 k2 2 other 3", "+OK"),
        ("keys k[^1]", "*1 $2 k2"),
        ("type k1", "+string"),
        ("del k1 k1 nokey", ":1"),
        ("scan 0 count 9999 match o*", "*2 $1 0 *1 $5 other"),
        ("scan 0 count 9999 type list", "*2 $1 0 *0"),
        ("scan 0 count 0", "-ERR syntax error"),
        ("scan 0 count x", "-ERR value is not an integer or out of range"),
        ("scan 0 match", "-ERR syntax error"),
        ("scan x", "-ERR invalid cursor"),
        ("scan 99999", "*2 $1 0 *0"),
        ("flushall foo", "-ERR syntax error"),
        ("flushall async", "+OK"),
        ("dbsize", ":0"),
    ]);
}

#[test]
fn what_clients_ask_first_is_answered() {
    let no_command = "-ERR unknown command 'foo', with args beginning with: 'a b' 'c'";
    Node::new().expect(&[
        ("echo x", "$1 x"),
        ("select 0", "+OK"),
        ("select 16", "-ERR DB index is out of range"),
        ("config get SAVE", "*2 $4 save $0"),
        ("config get nosuch", "*0"),
        ("config get", "-ERR wrong number of arguments for 'config|get' command"),
        ("config foo", "-ERR unknown subcommand 'foo' of CONFIG"),
        ("command docs", "*0"),
        ("client setname x", "+OK"),
        ("client setinfo lib-name x", "+OK"),
        ("client id", "ClientId"),
        ("client id x", "-ERR wrong number of arguments for 'client|id' command"),
        ("hello 2 setname x", "Hello"),
        ("hello 3", "-NOPROTO unsupported protocol version"),
        ("hello x", "-ERR Protocol version is not an integer or out of range"),
        ("ping", "Ping(None)"),
        ("ping a b", "-ERR wrong number of arguments for 'ping' command"),
        ("bgrewriteaof", "Compact"),
        ("foo 'a b' c", no_command),
    ]);
    let long = Node::new().ask(&format!("{} {}", "n".repeat(200), "a ".repeat(5000)));
    assert!(long.len() < 400, "{} bytes", long.len());
}

#[test]
fn c2_an_expired_key_is_written_as_if_it_were_not_there() {
    for (line, reply) in [("append p x", ":1"), ("incr p", ":1"), ("set p y nx", "+OK")] {
        let mut node = Node::new();
        node.ask("set p 41 px 10");
        node.now += 10;
        assert_eq!(node.ask(line), reply);
        assert_eq!(node.ask("ttl p"), ":-1");
        follow(&mut node, &mut Node::new());
    }
}

#[test]
fn c3_a_write_that_changes_nothing_logs_nothing() {
    let mut node = Node::new();
    node.ask("set a 1 ex 100");
    let nothing = [
        "set a 2 nx",
        "set b 2 xx",
        "set b 2 pxat 1",
        "del b",
        "append a \"\"",
        "expire b 1",
        "expire a 100",
        "expire a 50 gt",
        "persist b",
    ];
    for line in nothing {
        assert!(!node.logs(line), "{line}");
    }
    assert!(node.logs("flushall") && !node.logs("flushall"));
    assert!(node.logs("append c \"\"") && node.logs("set c 1") && node.logs("set c 1"));
}

/// Sends what is pending to a follower; both must have the same then.
fn follow(primary: &mut Node, follower: &mut Node) {
    let Some(group) = primary.journal.take_group() else { return };
    apply_all(&mut follower.store, &group.payload).unwrap();
    drop(primary.journal.kept(group.number));
    assert_eq!(primary.store.digest(), follower.store.digest());
}

fn random_line(random: &mut Random) -> String {
    let lines = [
        "set K V",
        "set K V px N",
        "set K V nx px N",
        "set K V xx keepttl get",
        "set K V pxat N",
        "append K V",
        "append K V",
        "append K \"\"",
        "incr K",
        "decrby K N",
        "pexpire K N",
        "pexpire K N gt",
        "pexpire K -N",
        "expireat K N",
        "persist K",
        "del K K",
        "mset K V K V",
    ];
    if random.below(100) == 0 {
        return "flushall".to_owned();
    }
    let line = lines[random.below(lines.len() as u64) as usize];
    let words = line.split(' ').map(|word| match word {
        "K" => format!("k{}", random.below(6)),
        "V" => random.below(1000).to_string(),
        _ => word.replace('N', &random.below(60).to_string()),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// D2, D3: whatever happens, a follower has what its primary has, and a failure leads back to it.
#[test]
fn d3_a_follower_has_the_state_of_its_primary() {
    let mut random = Random::new(51);
    let (mut failures, mut expired) = (0, 0);
    for _ in 0..40 {
        let (mut primary, mut follower) = (Node::new(), Node::new());
        for _ in 0..300 {
            let reply = primary.ask(&random_line(&mut random));
            assert!(!reply.is_empty());
            primary.now += random.below(12);
            expired += primary.store.expired(primary.now, 9).len();
            match random.below(8) {
                0..2 => follow(&mut primary, &mut follower),
                2 => {
                    failures += usize::from(primary.journal.pending_len() > 0);
                    primary.journal.roll_back(&mut primary.store);
                    assert_eq!(primary.store.digest(), follower.store.digest(), "D2");
                }
                _ => {}
            }
        }
    }
    assert!(failures > 100 && expired > 100, "witness: {failures} failures, {expired} expired");
}

/// A key that is there all the time is seen once by a walk, whatever else happens.
#[test]
fn one_scan_does_not_answer_with_everything() {
    let mut node = Node::new();
    let count = 30_000;
    (0..count).for_each(|key| assert_eq!(node.ask(&format!("set {key} v")), "+OK"));
    let answer = node.ask(&format!("scan 0 count {}", i64::MAX));
    let keys: usize =
        answer.split(" *").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((10_000..11_000).contains(&keys), "{keys} keys of {count}");
}

#[test]
fn a_scan_sees_what_stays() {
    let mut random = Random::new(52);
    let mut node = Node::new();
    for number in 0..300 {
        node.ask(&format!("set stays{number} 1"));
    }
    let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let reply = node.ask(&format!("scan {cursor} match stays*"));
        let mut words = reply.split(' ').skip(2).map(str::to_owned);
        cursor = words.next().unwrap();
        seen.extend(words.filter(|word| word.starts_with("stays")));
        if cursor == "0" {
            break;
        }
        for _ in 0..20 {
            let verb = if random.below(2) == 0 { "incr" } else { "del" };
            node.ask(&format!("{verb} goes{}", random.below(200)));
        }
    }
    assert_eq!(seen.len(), 300);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 300);
}
