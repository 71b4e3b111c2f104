//! D1 and D2: what was acknowledged is there whatever happens, and what was refused never happened.

use distridata_core::Node;
use distridata_core::client::{Answer, Client};
use distridata_core::log::sim::{Crash, Fault, SimDir};
use runtime_traits::task;

use crate::gate::GateDir;
use crate::support::{always, ask, client, eventually, info, info_number, start, watched};

/// The commands of one writer, in order. Each changes something, so that none can be missing.
fn command(writer: usize, n: usize) -> String {
    match n % 5 {
        0 => format!("MSET left{writer} {n} right{writer} {n}"),
        1 => format!("INCR count{writer}"),
        2 => format!("APPEND tail{writer} {n},"),
        3 => format!("SET once{writer} {n}"),
        _ => format!("DEL once{writer}"),
    }
}

const KEYS: [&str; 5] = ["left", "right", "count", "tail", "once"];

/// What a writer's keys have after `n` of its commands.
fn expected(n: usize) -> Vec<Answer> {
    let value = |kind: usize| (0..n).rev().find(|n| n % 5 == kind);
    let bulk = |n: usize| Answer::Bulk(n.to_string().into_bytes());
    let pair = value(0).map_or(Answer::Nil, bulk);
    let count = (0..n).filter(|n| n % 5 == 1).count();
    let tail: String = (0..n).filter(|n| n % 5 == 2).map(|n| format!("{n},")).collect();
    let once = value(3).filter(|set| value(4).is_none_or(|deleted| deleted < *set));
    let some = |there: bool, answer: Answer| if there { answer } else { Answer::Nil };
    vec![
        pair.clone(),
        pair,
        some(count > 0, bulk(count)),
        some(!tail.is_empty(), Answer::Bulk(tail.into_bytes())),
        once.map_or(Answer::Nil, bulk),
    ]
}

/// What a writer's keys have.
async fn found(client: &mut Client, writer: usize) -> Vec<Answer> {
    let names = KEYS.map(|name| format!("{name}{writer}"));
    let words = std::iter::once("MGET").chain(names.iter().map(String::as_str));
    match client.call(&words.collect::<Vec<_>>()).await.unwrap() {
        Answer::Array(answers) => answers,
        other => panic!("{other}"),
    }
}

async fn call(client: &mut Client, words: &str) -> Answer {
    client.call(&words.split(' ').collect::<Vec<_>>()).await.unwrap()
}

/// How many commands of each writer a node has done; each must have done all or none of a command.
async fn done(node: &Node, at_least: &[usize]) -> Vec<usize> {
    let mut client = client(node).await;
    let mut all = Vec::new();
    for (writer, acknowledged) in at_least.iter().enumerate() {
        let found = found(&mut client, writer).await;
        // At most one command of each writer is on its way.
        let is_it = |n: &usize| found == expected(*n);
        let n = (*acknowledged..=acknowledged + 1).find(is_it);
        all.push(n.unwrap_or_else(|| panic!("acknowledged {acknowledged}, found {found:?}")));
    }
    all
}

const WRITERS: usize = 4;

/// D1: a crash is tried at every byte of what has been written and not synced, at several moments.
#[test]
fn d1_nothing_acknowledged_is_lost_wherever_the_last_write_is_torn() {
    watched(async {
        let dir = GateDir::default();
        let node = start(dir.clone(), always()).await;
        let mut acknowledged = vec![0; WRITERS];
        let mut clients = Vec::new();
        for _ in 0..WRITERS {
            clients.push(client(&node).await);
        }
        let mut grown = 0;
        for round in 0..6 {
            for (writer, client) in clients.iter_mut().enumerate() {
                for _ in 0..round + writer {
                    call(client, &command(writer, acknowledged[writer])).await.ok().unwrap();
                    acknowledged[writer] += 1;
                }
            }
            let shut = dir.shut();
            for (writer, client) in clients.iter_mut().enumerate() {
                let words = command(writer, acknowledged[writer]);
                client.send(&words.split(' ').collect::<Vec<_>>()).await.unwrap();
            }
            shut.reached().await;
            grown += crash_everywhere(&dir.sim, &acknowledged).await;
            drop(shut);
            for (writer, client) in clients.iter_mut().enumerate() {
                client.receive().await.unwrap().ok().unwrap();
                acknowledged[writer] += 1;
            }
        }
        assert!(grown > 0, "witness: a whole write that was not acknowledged is found again");
    });
}

/// Tries all crashes at one moment. Answers how many found more than was acknowledged.
async fn crash_everywhere(sim: &SimDir, acknowledged: &[usize]) -> usize {
    let cuts = (0..=sim.unsynced()).map(Crash::Cut);
    let tears = (0..20).map(Crash::Tear);
    let mut more: Option<Vec<usize>> = None;
    let mut grown = 0;
    for crash in cuts.chain([Crash::Lose, Crash::Kill]).chain(tears) {
        let node = start(sim.after(crash), always()).await;
        let done = done(&node, acknowledged).await;
        if done != acknowledged {
            // A group is there as a whole or not at all.
            assert_eq!(more.get_or_insert(done.clone()), &done, "half a group, after {crash:?}");
            grown += 1;
        }
    }
    grown
}

/// D2: each operation of a run fails once, in each way that operations fail.
#[test]
fn d2_a_write_that_fails_did_not_happen() {
    watched(async {
        for fault in [Fault::NoSpace, Fault::Io, Fault::Late, Fault::Short] {
            let runs: Vec<_> = (0..16).map(|nth| task::spawn(fail_once(nth, fault))).collect();
            for run in runs {
                run.await.unwrap();
            }
        }
    });
}

/// With `--fsync always` a lone write is two operations: a write and a sync.
async fn fail_once(nth: u64, fault: Fault) {
    let dir = SimDir::new();
    let node = start(dir.clone(), always()).await;
    dir.fail_at(dir.operations() + nth, fault);
    let mut client = client(&node).await;
    let (mut acknowledged, mut refused) = (0, Vec::new());
    for attempt in 0..14 {
        match call(&mut client, &command(0, acknowledged)).await {
            Answer::Error(words) => {
                assert!(words.starts_with("MISCONF "), "{words}");
                refused.push(attempt);
            }
            _ => acknowledged += 1,
        }
        // Memory is what was acknowledged, after each refusal as well.
        assert_eq!(found(&mut client, 0).await, expected(acknowledged));
    }
    let (is_sync, first) = (nth % 2 == 1, nth / 2);
    let expected_refusals: Vec<u64> = match (fault, is_sync) {
        (Fault::Short, _) => vec![],
        // There is room again, and so are writes.
        (_, false) => vec![first],
        // What the disk has now nobody knows: nothing more is taken.
        (_, true) => (first..14).collect(),
    };
    assert_eq!(refused, expected_refusals, "operation {nth}, {fault:?}");
    if is_sync && fault != Fault::Short {
        let Answer::Error(words) = call(&mut client, "SET key value").await else { panic!() };
        assert!(words.contains("see to the disk and start again"), "{words}");
    }
    drop(node);
    // A sync that has failed may have reached the disk all the same.
    let may_be_there = is_sync && fault == Fault::Late;
    for crash in [Crash::Kill, Crash::Lose] {
        let node = start(dir.crash(crash), always()).await;
        let done = done(&node, &[acknowledged]).await;
        assert!(done == [acknowledged] || may_be_there, "operation {nth}, {fault:?}, {crash:?}");
    }
}

/// D2: a disk that is full, and has room again.
#[test]
fn d2_a_full_disk_refuses_writes_until_there_is_room_again() {
    watched(async {
        let dir = SimDir::new();
        let node = start(dir.clone(), always()).await;
        let mut client = client(&node).await;
        dir.set_room(Some(dir.used() + 1000));
        let mut acknowledged = 0;
        let refusal = loop {
            match call(&mut client, &command(0, acknowledged)).await {
                Answer::Error(words) => break words,
                _ => acknowledged += 1,
            }
        };
        assert!(refusal.starts_with("MISCONF ") && acknowledged > 0, "{refusal}");
        assert_eq!(found(&mut client, 0).await, expected(acknowledged), "reads go on");
        // Each of them is more than there is room for; all are taken back.
        let value = "v".repeat(2000);
        let many: Vec<String> = (0..50).map(|n| format!("SET many{n} {value}")).collect();
        for words in &many {
            client.send(&words.split(' ').collect::<Vec<_>>()).await.unwrap();
        }
        for _ in &many {
            assert!(client.receive().await.unwrap().ok().is_err());
        }
        assert_eq!(call(&mut client, "EXISTS many0 many49").await, Answer::Integer(0));
        dir.set_room(None);
        for _ in 0..10 {
            call(&mut client, &command(0, acknowledged)).await.ok().unwrap();
            acknowledged += 1;
        }
        let after = start(dir.crash(Crash::Lose), always()).await;
        assert_eq!(done(&after, &[acknowledged]).await, [acknowledged]);
        assert_eq!(ask(&after, "EXISTS many0 many49").await, Answer::Integer(0));
    });
}

/// D1: a sync is held up and then fails; whoever looked at what it was to make safe has waited.
#[test]
fn d1_who_has_read_what_was_undone_hears_an_error() {
    watched(async {
        let dir = GateDir::default();
        let node = start(dir.clone(), always()).await;
        ask(&node, "SET key old").await.ok().unwrap();
        let before = ask(&node, "DIGEST").await;
        let mut waiting = Vec::new();
        let shut = dir.shut();
        waiting.push(send_counted(&node, "MSET key new other new").await);
        shut.reached().await;
        let reads = ["GET key", "MGET other key", "EXISTS other", "DBSIZE", "KEYS *", "STRLEN key"];
        for words in reads {
            waiting.push(send_counted(&node, words).await);
        }
        // These two may also look again, after it was undone.
        let mut digest = send_counted(&node, "DIGEST").await;
        let mut keyspace = send_counted(&node, "INFO keyspace").await;
        dir.sim.fail_at(dir.sim.operations(), Fault::Io);
        drop(shut);
        for mut client in waiting {
            let answer = client.receive().await.unwrap();
            assert!(
                matches!(&answer, Answer::Error(words) if words.starts_with("MISCONF ")),
                "{answer}"
            );
        }
        let answer = digest.receive().await.unwrap();
        assert!(answer == before || answer.clone().ok().is_err(), "{answer}");
        let answer = keyspace.receive().await.unwrap().to_string();
        assert!(!answer.contains("keys=2"), "{answer}");
        assert_eq!(ask(&node, "MGET key other").await.to_string(), "old (nil)");
    });
}

/// The same without the failure: they get what is there now.
#[test]
fn d1_who_has_read_what_became_safe_hears_it() {
    watched(async {
        let dir = GateDir::default();
        let node = start(dir.clone(), always()).await;
        let shut = dir.shut();
        let mut writing = send_counted(&node, "SET key new").await;
        shut.reached().await;
        let mut reading = send_counted(&node, "GET key").await;
        let mut keyspace = send_counted(&node, "INFO keyspace").await;
        drop(shut);
        assert_eq!(writing.receive().await.unwrap().to_string(), "OK");
        assert_eq!(reading.receive().await.unwrap().to_string(), "new");
        assert!(keyspace.receive().await.unwrap().to_string().contains("keys=1"));
        assert_eq!(info(&node, "keyspace", "db0").await.unwrap(), "keys=1");
    });
}

/// Sends a command and waits until it is being run, without waiting for its answer.
async fn send_counted(node: &Node, words: &str) -> Client {
    let mut client = client(node).await;
    let mut other = crate::support::client(node).await;
    let before = commands(&mut other).await;
    client.send(&words.split(' ').collect::<Vec<_>>()).await.unwrap();
    let mut asked = 0;
    eventually("the command is run", async || {
        asked += 1;
        (commands(&mut other).await > before + asked).then_some(())
    })
    .await;
    client
}

async fn commands(client: &mut Client) -> u64 {
    let text = call(client, "INFO clients").await.to_string();
    let line = text.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
    line.unwrap().parse().unwrap()
}

#[test]
fn commands_are_counted_one_by_one() {
    watched(async {
        let node = start(SimDir::new(), always()).await;
        let before = info_number(&node, "clients", "total_commands_processed").await;
        ask(&node, "GET key").await.ok().unwrap();
        let after = info_number(&node, "clients", "total_commands_processed").await;
        assert_eq!(after, before + 2);
    });
}
