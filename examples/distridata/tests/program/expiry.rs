//! Keys that end: on every node, over a restart, and while the node was away.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Client, Launch, Node, TestDir, agree, runtimes, until, until_true};

fn now_millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

#[test]
fn keys_vanish_on_all_nodes_and_stay_away() {
    let runtimes = runtimes();
    for (turn, runtime) in runtimes.iter().enumerate() {
        let dir = TestDir::new();
        let launch = Launch::at(dir.join("primary")).on(runtime);
        let primary = launch.start();
        let other = &runtimes[(turn + 1) % runtimes.len()];
        let follower = Launch::at(dir.join("follower")).on(other).follow(primary.addr).start();
        let mut client = Client::connect(primary.addr);
        for number in 0..200 {
            let (short, lasting) = (format!("short:{number}"), format!("lasting:{number}"));
            assert_eq!(client.ask(&["SET", &short, "v", "PX", "300"]), "OK");
            assert_eq!(client.ask(&["SET", &lasting, "v", "EX", "10000"]), "OK");
        }
        // They are deleted, not only hidden: the keys are counted.
        until_true("the primary deletes what has expired", || primary.digest().keys == 200);
        let digest = agree(&[&primary, &follower]);
        assert_eq!(digest.keys, 200);
        for node in [&primary, &follower] {
            assert_eq!(node.ask(&["EXISTS", "short:0", "short:199", "lasting:0"]), "1");
            assert_eq!(node.ask(&["TTL", "short:7"]), "-2");
        }
        primary.kill();
        let again = launch.start().digest();
        assert_eq!((again.digest, again.keys), (digest.digest, 200));
    }
}

#[test]
fn what_is_left_of_a_keys_time_survives_restart_and_promotion() {
    let dir = TestDir::new();
    let launch = Launch::at(dir.join("primary"));
    let primary = launch.start();
    let follower = Launch::at(dir.join("follower")).follow(primary.addr).start();
    assert_eq!(primary.ask(&["SET", "seconds", "v", "EX", "5000"]), "OK");
    assert_eq!(primary.ask(&["SET", "millis", "v", "PX", "5000000"]), "OK");
    assert_eq!(primary.ask(&["SET", "later", "v"]), "OK");
    assert_eq!(primary.ask(&["EXPIRE", "later", "6000"]), "1");
    assert_eq!(primary.ask(&["SET", "for ever", "v", "EX", "5000"]), "OK");
    assert_eq!(primary.ask(&["PERSIST", "for ever"]), "1");
    let before = deadlines(&primary);
    agree(&[&primary, &follower]);
    assert_eq!(deadlines(&follower), before);
    primary.kill();
    assert_eq!(deadlines(&launch.start()), before);
    follower.kill();
    let promoted = Launch::at(dir.join("follower")).start();
    assert_eq!(deadlines(&promoted), before);
    assert!(promoted.ask(&["COMPACT"]).starts_with("compacted"));
    promoted.kill();
    assert_eq!(deadlines(&Launch::at(dir.join("follower")).start()), before, "from a snapshot");
}

/// The points in time at which the keys end.
fn deadlines(node: &Node) -> Vec<String> {
    let keys = ["seconds", "millis", "later", "for ever"];
    keys.iter().map(|key| node.ask(&["PEXPIRETIME", key])).collect()
}

#[test]
fn what_expires_while_the_node_is_away_is_gone_when_it_is_back() {
    let dir = TestDir::new();
    let launch = Launch::at(dir.join("data"));
    let node = launch.start();
    assert_eq!(node.ask(&["MSET", "a", "1", "b", "2"]), "OK");
    assert_eq!(node.ask(&["PEXPIRE", "a", "400"]), "1");
    let deadline: u128 = node.ask(&["PEXPIRETIME", "a"]).parse().unwrap_or_default();
    node.kill();
    until("the clock passes the deadline", || match now_millis() {
        now if now > deadline => Ok(()),
        now => Err(format!("{now}, not yet {deadline}")),
    });
    let node = launch.start();
    assert_eq!(node.ask(&["MGET", "a", "b"]), "(nil) 2");
    until_true("it is deleted", || node.digest().keys == 1);
}

/// A follower does not delete by its own clock: only what the primary logs (promise D3). It does not
/// show what has expired either.
#[test]
fn a_follower_without_its_primary_hides_what_has_expired() {
    let dir = TestDir::new();
    until_true("the primary goes before the key does", || {
        let launch = Launch::at(dir.join("primary"));
        let primary = launch.start();
        let follower = Launch::at(dir.join("follower")).follow(primary.addr).start();
        assert_eq!(primary.ask(&["MSET", "a", "1", "b", "2"]), "OK");
        assert_eq!(primary.ask(&["PEXPIRE", "a", "700"]), "1");
        agree(&[&primary, &follower]);
        primary.kill();
        let alone = follower.digest();
        until_true("it ends", || follower.ask(&["GET", "a"]) == "(nil)");
        assert_eq!(follower.digest(), alone, "only hidden");
        assert_eq!(follower.ask(&["KEYS", "*"]), "b");
        alone.keys == 2
    });
}
