//! Who follows whom: chains, oneself, circles, and a primary that is replaced.

use std::time::{Duration, Instant};

use crate::support::{Launch, Node, Relay, TestDir, agree, runtimes, until};

#[test]
fn a_follower_of_a_follower_of_a_follower_has_the_data() {
    let dir = TestDir::new();
    let runtimes = runtimes();
    let mut nodes: Vec<Node> = Vec::new();
    for at in 0..4 {
        let launch = Launch::at(dir.join(&at.to_string())).on(&runtimes[at % runtimes.len()]);
        let launch = match nodes.last() {
            Some(node) => launch.follow(node.addr),
            None => launch,
        };
        nodes.push(launch.start());
    }
    for number in 0..300 {
        assert_eq!(nodes[0].ask(&["SET", &number.to_string(), "v"]), "OK");
    }
    assert_eq!(agree(&nodes.iter().collect::<Vec<_>>()).keys, 300);
    for node in &nodes[1..] {
        assert!(node.ask(&["SET", "a", "b"]).starts_with("READONLY "));
        assert_eq!(node.ask(&["GET", "299"]), "v");
        assert_eq!(node.info("role"), "slave");
        assert_eq!(node.info("master_link_status"), "up");
    }
    assert_eq!(nodes[0].ask(&["FLUSHALL"]), "OK");
    assert_eq!(nodes[0].ask(&["SET", "299", "v"]), "OK");
    assert_eq!(agree(&nodes.iter().collect::<Vec<_>>()).keys, 1);
    until("INFO shows that the follower is not behind", || {
        let line = nodes[0].info("slave0");
        if line.ends_with(",lag=0") { Ok(()) } else { Err(line) }
    });
}

#[test]
fn who_never_reached_its_primary_does_not_say_that_it_was_lost() {
    let dir = TestDir::new();
    let nobody = ([127, 0, 0, 1], 1).into();
    let node = Launch::at(dir.join("data")).follow(nobody).start();
    node.until_said("cannot follow 127.0.0.1:1: ");
    assert_eq!(node.count_said("lost "), 0, "{}", node.said());
}

#[test]
fn a_node_that_follows_itself_says_so_and_does_not_spin() {
    for runtime in runtimes() {
        let dir = TestDir::new();
        let relay = Relay::new();
        let launch = Launch::at(dir.join("data")).on(&runtime).follow(relay.addr());
        let node = launch.start();
        relay.lead_to(node.addr);
        node.until_said(FOUND);
        rests_between_attempts(&relay);
        assert_eq!(node.count_said(FOUND), 1, "said once: {}", node.said());
        assert_eq!(node.info("master_link_status"), "down");
    }
}

#[test]
fn two_that_follow_each_other_say_so_and_do_not_spin() {
    let dir = TestDir::new();
    let relays = [Relay::new(), Relay::new()];
    let nodes: Vec<Node> = ["default", "tokio"]
        .iter()
        .zip(&relays)
        .map(|(runtime, relay)| {
            Launch::at(dir.join(runtime)).on(runtime).follow(relay.addr()).start()
        })
        .collect();
    relays[0].lead_to(nodes[1].addr);
    relays[1].lead_to(nodes[0].addr);
    let finder = until("one of them finds itself", || {
        let found = nodes.iter().position(|node| node.count_said(FOUND) > 0);
        found.ok_or_else(|| nodes.iter().map(Node::said).collect())
    });
    rests_between_attempts(&relays[finder]);
}

const FOUND: &str = "it follows this node; nobody can follow himself";

/// A node waits at least 50 ms, 100 ms, 200 ms, … between its attempts, and no pause ends early: so
/// this bound is no matter of luck. The first pause may have begun before we look.
fn rests_between_attempts(relay: &Relay) {
    let (start, before) = (Instant::now(), relay.count());
    until("it tries again, and again", || match relay.count() - before {
        4.. => Ok(()),
        attempts => Err(format!("{attempts} attempts")),
    });
    let rested = start.elapsed();
    assert!(rested >= Duration::from_millis(50 + 100 + 200), "four attempts in {rested:?}");
}

#[test]
fn a_promoted_follower_is_followed_by_the_old_primary_whose_log_was_longer() {
    let runtimes = runtimes();
    for (turn, runtime) in runtimes.iter().enumerate() {
        replaces(runtime, &runtimes[(turn + 1) % runtimes.len()], 1, true);
    }
}

/// The offset alone does not tell: the old log ends where the new one has something else.
#[test]
fn a_promoted_follower_is_followed_by_the_old_primary_whose_log_was_another() {
    replaces("default", "tokio", 300, false);
}

/// The primary is lost with writes that nobody else heard of; its follower is made the primary,
/// takes some writes, and is followed by the old one.
fn replaces(runtime: &str, other: &str, writes: usize, old_is_longer: bool) {
    let dir = TestDir::new();
    let old = || Launch::at(dir.join("old")).on(runtime);
    let new = || Launch::at(dir.join("new")).on(other);
    let primary = old().start();
    assert_eq!(primary.ask(&["SET", "shared", "1"]), "OK");
    let follower = new().follow(primary.addr).start();
    agree(&[&primary, &follower]);
    follower.kill();
    for number in 0..100 {
        assert_eq!(primary.ask(&["SET", &format!("lost:{number}"), "v"]), "OK");
    }
    let ended_at = primary.digest().offset;
    primary.kill();

    let promoted = new().start();
    for number in 0..writes {
        assert_eq!(promoted.ask(&["SET", &format!("new:{number}"), "1"]), "OK");
    }
    assert_eq!(ended_at > promoted.digest().offset, old_is_longer);
    let returned = old().follow(promoted.addr).start();
    assert_eq!(agree(&[&promoted, &returned]).keys, 1 + writes as i64);
    assert_eq!(returned.ask(&["MGET", "shared", "new:0", "lost:7"]), "1 1 (nil)");
    assert_eq!(promoted.ask(&["SET", "newer", "1"]), "OK");
    assert_eq!(agree(&[&promoted, &returned]).keys, 2 + writes as i64);
}

#[test]
fn a_promoted_follower_that_had_all_goes_on_without_a_new_copy() {
    let dir = TestDir::new();
    let primary = Launch::at(dir.join("old")).start();
    assert_eq!(primary.ask(&["SET", "a", "1"]), "OK");
    let follower = Launch::at(dir.join("new")).follow(primary.addr).start();
    agree(&[&primary, &follower]);
    primary.kill();
    follower.kill();
    let promoted = Launch::at(dir.join("new")).start();
    assert_eq!(promoted.ask(&["SET", "b", "2"]), "OK");
    let returned = Launch::at(dir.join("old")).follow(promoted.addr).start();
    assert_eq!(agree(&[&promoted, &returned]).keys, 2);
    assert_eq!(returned.count_said("from the beginning"), 0, "{}", returned.said());
}

#[test]
fn a_follower_waits_for_a_primary_that_is_not_there_yet() {
    let dir = TestDir::new();
    let relay = Relay::new();
    let follower = Launch::at(dir.join("follower")).follow(relay.addr()).start();
    follower.until_said("cannot follow ");
    assert_eq!(follower.ask(&["PING"]), "PONG");
    assert_eq!(follower.info("master_link_status"), "down");
    let primary = Launch::at(dir.join("primary")).start();
    assert_eq!(primary.ask(&["SET", "a", "1"]), "OK");
    relay.lead_to(primary.addr);
    assert_eq!(agree(&[&primary, &follower]).keys, 1);
}

/// A primary that hangs without closing anything: nodes hear nothing, and give up.
#[test]
fn a_primary_that_falls_silent_is_given_up() {
    use rustix::process::{Pid, Signal, kill_process};
    let dir = TestDir::new();
    let launch = |name: &str| Launch::at(dir.join(name)).with("--heartbeat-ms", "50");
    let primary = launch("primary").start();
    let follower = launch("follower").follow(primary.addr).start();
    assert_eq!(primary.ask(&["SET", "a", "1"]), "OK");
    agree(&[&primary, &follower]);
    let process = Pid::from_raw(primary.pid() as i32).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    follower.until_said("nothing heard for 250ms");
    assert_eq!(follower.ask(&["GET", "a"]), "1", "it serves what it has");
    kill_process(process, Signal::CONT).unwrap();
    assert_eq!(primary.ask(&["SET", "b", "2"]), "OK");
    assert_eq!(agree(&[&primary, &follower]).keys, 2);
}
