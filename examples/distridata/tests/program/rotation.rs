//! Every runtime leads once, nodes of the others follow, and all end with the same data.
//!
//! ```text
//!  redis-benchmark ──▶ primary ──▶ first follower ──▶ relay ──▶ second follower
//!                         │        (killed in mid-run, starts again elsewhere)
//!                         └──▶ the rest
//! ```

use crate::support::{Benchmark, Client, Launch, Node, Relay, TestDir, agree, runtimes, until};

/// As many tests as there may be runtimes; with fewer runtimes the first ones lead again.
const TURNS: usize = 4;

#[test]
fn the_first_runtime_leads_and_all_nodes_agree() {
    leads(0);
}

#[test]
fn the_second_runtime_leads_and_all_nodes_agree() {
    leads(1);
}

#[test]
fn the_third_runtime_leads_and_all_nodes_agree() {
    leads(2);
}

#[test]
fn the_fourth_runtime_leads_and_all_nodes_agree() {
    leads(3);
}

fn leads(turn: usize) {
    let mut order = runtimes();
    assert!(order.len() <= TURNS, "not every runtime leads: {order:?}; add a test here");
    let first = turn % order.len();
    order.rotate_left(first);
    println!("{} leads {:?}", order[0], &order[1..]);

    let dir = TestDir::new();
    let launch = |at: usize| Launch::at(dir.join(&order[at])).on(&order[at]);
    let primary = launch(0).start();
    let relay = Relay::new();
    let middle = launch(1).follow(primary.addr).start();
    relay.lead_to(middle.addr);
    let last = launch(2).follow(relay.addr()).start();
    let rest: Vec<Node> =
        (3..order.len()).map(|at| launch(at).follow(primary.addr).start()).collect();
    for (node, runtime) in [&primary, &middle, &last].into_iter().chain(&rest).zip(&order) {
        assert!(node.info("runtime").contains(runtime), "INFO names the runtime");
    }

    let middle = killed_in_mid_run(&primary, middle, &launch(1).follow(primary.addr));
    relay.lead_to(middle.addr);
    let before = primary.digest();
    write_expiries(&primary);
    let digest = agree(&[&primary, &middle, &last].into_iter().chain(&rest).collect::<Vec<_>>());
    assert!(digest.keys > 50_000, "{digest:?}");
    assert_ne!(digest.digest, before.digest, "expiries are part of the digest");
}

/// Kills the follower while the benchmark writes and it keeps up; answers it started again.
fn killed_in_mid_run(primary: &Node, mut follower: Node, again: &Launch) -> Node {
    loop {
        let before = follower.count("log_end");
        let mut benchmark = Benchmark::start(primary.addr);
        until("the follower receives what the benchmark writes", || {
            let now = follower.count("log_end");
            if now > before + 50_000 { Ok(()) } else { Err(format!("{before}, now {now}")) }
        });
        follower.kill();
        let was_running = benchmark.is_running();
        let killed_at = primary.count("log_end");
        follower = again.start();
        benchmark.finish();
        // The witness: more was written after the kill. Otherwise the benchmark was too quick for us.
        if was_running && primary.count("log_end") > killed_at {
            return follower;
        }
    }
}

/// Gives keys a deadline in each of the ways there are, and takes some away.
fn write_expiries(primary: &Node) {
    let mut client = Client::connect(primary.addr);
    for round in 0..10 {
        let names: Vec<[String; 2]> = (round * 100..round * 100 + 100)
            .map(|n| [format!("expiring:{n}"), format!("{}", 3_600 + n)])
            .collect();
        let commands = names.iter().enumerate().flat_map(|(at, [key, time])| match at % 4 {
            0 => vec![vec!["SET", key, "v", "EX", time]],
            1 => vec![vec!["SET", key, "v", "PX", "7200000"]],
            2 => vec![vec!["SET", key, "v"], vec!["EXPIRE", key, time]],
            _ => vec![vec!["SET", key, "v", "EX", time], vec!["PERSIST", key]],
        });
        let commands: Vec<_> = commands.collect();
        for answer in client.pipeline(&commands) {
            assert!(["OK", "1"].contains(&answer.as_str()), "{answer}");
        }
    }
}
