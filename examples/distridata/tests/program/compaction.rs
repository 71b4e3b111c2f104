//! COMPACT: a snapshot is taken while writes go on, and the log before it is forgotten.

use crate::support::{Benchmark, Client, Launch, Node, TestDir, agree, runtimes, until};

#[test]
fn a_log_compacted_under_load_feeds_new_followers_and_starts_again() {
    let runtimes = runtimes();
    for (turn, runtime) in runtimes.iter().enumerate() {
        let dir = TestDir::new();
        let launch = Launch::at(dir.join("primary")).on(runtime);
        let primary = launch.start();
        let other = &runtimes[(turn + 1) % runtimes.len()];
        let old = Launch::at(dir.join("old")).on(other).follow(primary.addr).start();
        compact_under_load(&primary);
        assert!(primary.count("log_begin") > 0, "the log's beginning is forgotten");

        let new = Launch::at(dir.join("new")).on(other).follow(primary.addr).start();
        let digest = agree(&[&primary, &old, &new]);
        assert!(digest.keys > 50_000);
        assert_eq!(new.count_said("fetching a snapshot"), 1, "{}", new.said());
        assert_eq!(old.count_said("fetching a snapshot"), 0, "{}", old.said());

        primary.kill();
        let again = launch.start();
        assert_eq!((again.digest().digest, again.digest().keys), (digest.digest, digest.keys));
    }
}

/// Compacts while the benchmark writes, often enough to be sure that it did.
fn compact_under_load(primary: &Node) {
    let mut client = Client::connect(primary.addr);
    loop {
        let mut benchmark = Benchmark::start(primary.addr);
        let before = primary.count("log_end");
        until("the benchmark writes", || {
            let now = primary.count("log_end");
            if now > before + 200_000 { Ok(()) } else { Err(format!("{before}, now {now}")) }
        });
        let begun_at = primary.count("log_end");
        let answer = client.ask(&["COMPACT"]);
        assert!(answer.starts_with("compacted: the log now begins at offset "), "{answer}");
        let was_running = benchmark.is_running();
        let ended_at = primary.count("log_end");
        benchmark.finish();
        // The witness: writes came while the snapshot was taken, and after it.
        if was_running && ended_at > begun_at && primary.count("log_end") > ended_at {
            return;
        }
    }
}

#[test]
fn a_log_that_grows_compacts_itself_and_stays_small() {
    let dir = TestDir::new();
    let launch = Launch::at(dir.join("data")).with("--compact-after", "100000");
    let node = launch.start();
    let value = "v".repeat(10_000);
    until("the log is compacted twice", || {
        for number in 0..20 {
            assert_eq!(node.ask(&["SET", &format!("key:{number}"), &value]), "OK");
        }
        match node.count_said("compacted: the log now begins") {
            0 | 1 => Err(node.said()),
            _ => Ok(()),
        }
    });
    let digest = node.digest();
    assert_eq!(digest.keys, 20);
    node.kill();
    let again = launch.start().digest();
    assert_eq!((again.digest, again.keys), (digest.digest, digest.keys));
}

#[test]
fn a_follower_that_was_away_while_its_place_was_forgotten_takes_the_snapshot() {
    let dir = TestDir::new();
    let primary = Launch::at(dir.join("primary")).start();
    let launch = Launch::at(dir.join("follower")).follow(primary.addr);
    assert_eq!(primary.ask(&["MSET", "gone", "1", "stays", "1"]), "OK");
    let follower = launch.start();
    agree(&[&primary, &follower]);
    follower.kill();
    assert_eq!(primary.ask(&["DEL", "gone"]), "1");
    assert_eq!(primary.ask(&["SET", "new", "1", "EX", "1000"]), "OK");
    assert!(primary.ask(&["BGREWRITEAOF"]).starts_with("compacted"));
    let follower = launch.start();
    assert_eq!(agree(&[&primary, &follower]).keys, 2);
    assert_eq!(follower.count_said("fetching a snapshot"), 1, "{}", follower.said());
    // And what it has of the snapshot is enough to start with.
    follower.kill();
    let follower = launch.start();
    assert_eq!(agree(&[&primary, &follower]).keys, 2);
    assert_eq!(follower.count_said("fetching a snapshot"), 0, "{}", follower.said());
}
