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
    until("INFO shows that the follower is not behind", || {
        let line = nodes[0].info("slave0");
        if line.ends_with(",lag=0") { Ok(()) } else { Err(line) }
    });
}

/// Half of 100 ms, then half of 200 ms, …: the shortest that three pauses can be.
const THREE_PAUSES: Duration = Duration::from_millis(50 + 100 + 200);

#[test]
fn a_node_that_follows_itself_says_so_and_does_not_spin() {
    for runtime in runtimes() {
        let dir = TestDir::new();
        let relay = Relay::new();
        let launch = Launch::at(dir.join("data")).on(&runtime).follow(relay.addr());
        let node = launch.start();
        relay.lead_to(node.addr);
        says_so_and_rests(&node);
        assert_eq!(node.info("master_link_status"), "down");
    }
}

#[test]
fn two_that_follow_each_other_say_so_and_do_not_spin() {
    let dir = TestDir::new();
    let relay = Relay::new();
    let one = Launch::at(dir.join("one")).follow(relay.addr()).start();
    let two = Launch::at(dir.join("two")).on("tokio").follow(one.addr).start();
    relay.lead_to(two.addr);
    until("one of them finds itself", || {
        let found = [&one, &two].map(|node| node.count_said("nobody can follow himself"));
        if found == [0, 0] { Err(format!("{}\n{}", one.said(), two.said())) } else { Ok(()) }
    });
    let finder = if one.count_said("nobody can follow himself") > 0 { &one } else { &two };
    says_so_and_rests(finder);
}

/// The pauses between attempts never end early, so this bound is no matter of luck.
fn says_so_and_rests(node: &Node) {
    node.until_said("it follows this node; nobody can follow himself");
    let (start, before) = (Instant::now(), node.count_said("nobody can follow himself"));
    until("it tries again, and again", || {
        let attempts = node.count_said("nobody can follow himself");
        if attempts >= before + 4 { Ok(()) } else { Err(node.said()) }
    });
    // Four more lines: at least three whole pauses between them.
    assert!(start.elapsed() >= THREE_PAUSES, "{:?}: {}", start.elapsed(), node.said());
}

#[test]
fn a_promoted_follower_is_followed_by_the_old_primary_whose_log_was_longer() {
    let runtimes = runtimes();
    for (turn, runtime) in runtimes.iter().enumerate() {
        let dir = TestDir::new();
        let other = &runtimes[(turn + 1) % runtimes.len()];
        let old = || Launch::at(dir.join("old")).on(runtime);
        let new = || Launch::at(dir.join("new")).on(other);
        let primary = old().start();
        assert_eq!(primary.ask(&["SET", "shared", "1"]), "OK");
        let follower = new().follow(primary.addr).start();
        agree(&[&primary, &follower]);
        follower.kill();
        // What nobody else has heard of when the primary goes, and more of it than is written later.
        for number in 0..100 {
            assert_eq!(primary.ask(&["SET", &format!("lost:{number}"), "v"]), "OK");
        }
        let longer = primary.digest().offset;
        primary.kill();

        let promoted = new().start();
        assert_eq!(promoted.ask(&["SET", "new", "1"]), "OK");
        assert!(promoted.digest().offset < longer, "the old log is the longer one");
        let returned = old().follow(promoted.addr).start();
        assert_eq!(agree(&[&promoted, &returned]).keys, 2);
        assert_eq!(returned.ask(&["MGET", "shared", "new", "lost:7"]), "1 1 (nil)");
        assert_eq!(promoted.ask(&["SET", "newer", "1"]), "OK");
        assert_eq!(agree(&[&promoted, &returned]).keys, 3);
    }
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
    follower.until_said("lost ");
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
