//! D3: what followers end with.

use distridata_core::{Node, Settings, StartError};
use runtime_traits::net::TcpListener;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use distridata_core::log::files::SystemDir;
use distridata_core::log::frame::Frames;
use distridata_core::log::sim::{Crash, SimDir};
use distridata_core::log::{Log, Options};
use runtime_traits::task;

use crate::raw::{FRAMES, PULSE, Raw, SAFE, SNAPSHOT, pulse};
use crate::support::{
    ask, client, eventually, following, info, info_number, runtimes, same, stand, start, start_on,
    watched, write,
};

/// A primary, its follower, and that one's follower, each on another runtime, in every rotation.
#[test]
fn d3_a_chain_of_three_runtimes_ends_with_the_same() {
    watched(async {
        for turn in 0..3 {
            let mut runtimes = runtimes();
            runtimes.rotate_left(turn);
            let [first, second, third] = &runtimes;
            let primary = start_on(first, SimDir::new(), Settings::default()).await;
            write(&primary, "early", 500).await;
            let middle = start_on(second, SimDir::new(), following(&primary)).await;
            let last = start_on(third, SimDir::new(), following(&middle)).await;
            write(&primary, "late", 500).await;
            ask(&primary, "SET short lived PX 1").await;
            ask(&primary, "APPEND early1 tail").await;
            ask(&primary, "DEL early2").await;
            let digest = same(&[&primary, &middle, &last]).await;
            assert!(digest.ends_with(" 999") || digest.ends_with(" 1000"), "{digest}");
            assert!(ask(&last, "SET key value").await.to_string().starts_with("READONLY "));
            let name = info(&last, "runtime", "runtime").await.unwrap();
            assert_eq!(name, third.info().name);
        }
    });
}

/// A follower that was away goes on from its offset: nothing it has is sent again.
#[test]
fn d3_a_follower_that_was_away_goes_on_from_its_offset() {
    watched(async {
        let [_, tokio, smol] = runtimes();
        let primary = start_on(&tokio, SimDir::new(), Settings::default()).await;
        write(&primary, "early", 300).await;
        let dir = SimDir::new();
        let follower = start_on(&smol, dir.clone(), following(&primary)).await;
        same(&[&primary, &follower]).await;
        let stood = stand(&follower).await;
        drop(follower);
        let left = dir.crash(Crash::Kill);
        write(&primary, "late", 300).await;
        // What the follower will say, and what it will hear.
        let (raw, answer) = Raw::follow(primary.addr(), stood.0, stood.1).await;
        assert_eq!(answer, "+CONTINUE");
        let frames = part(&raw, FRAMES).await;
        assert!(Frames::check(&frames, stood.1).unwrap().count() > 0, "from its offset on");
        let follower = start_on(&smol, left, following(&primary)).await;
        same(&[&primary, &follower]).await;
    });
}

/// A primary that has forgotten the beginning of its log sends a snapshot first.
#[test]
fn d3_d4_a_snapshot_that_was_taken_while_writes_went_on_brings_the_same() {
    watched(async {
        let [_, tokio, smol] = runtimes();
        let primary = start_on(&tokio, SimDir::new(), Settings::default()).await;
        write(&primary, "early", 2000).await;
        // Changes that replaying twice would spoil if they were not absolute.
        let writing = async {
            for _ in 0..40 {
                let mut client = client(&primary).await;
                for n in 0..50 {
                    let key = format!("early{n}");
                    client.send(&["APPEND", &key, "x"]).await.unwrap();
                    client.send(&["INCR", &format!("count{n}")]).await.unwrap();
                }
                for _ in 0..100 {
                    client.receive().await.unwrap().ok().unwrap();
                }
            }
        };
        let compacting = async {
            for _ in 0..5 {
                ask(&primary, "COMPACT").await.ok().unwrap();
            }
        };
        futures_lite::future::zip(writing, compacting).await;
        assert!(info_number(&primary, "persistence", "log_begin").await > 0);
        let dir = SimDir::new();
        let follower = start_on(&smol, dir.clone(), following(&primary)).await;
        let digest = same(&[&primary, &follower]).await;
        assert!(info_number(&follower, "persistence", "snapshot_offset").await > 0);
        assert_eq!(ask(&follower, "GET count7").await.to_string(), "40");
        assert_eq!(ask(&follower, "STRLEN early7").await.to_string(), "41");
        // What it has written is the same after a restart, too.
        drop(follower);
        let again = start_on(&smol, dir.crash(Crash::Kill), following(&primary)).await;
        assert_eq!(same(&[&primary, &again]).await, digest);
    });
}

/// The node in the middle replaces its snapshot, several times, while its follower is reading it.
#[test]
fn d3_a_snapshot_that_is_being_read_stays_readable_when_it_is_replaced() {
    watched(async {
        // More than sockets hold, so that most of it is read after it was replaced.
        let (count, len) = (300, 64 << 10);
        let primary = start(SimDir::new(), Settings::default()).await;
        let mut writer = client(&primary).await;
        for n in 0..count {
            let value = vec![n as u8; len];
            let args = [&b"SET"[..], format!("key{n}").as_bytes(), &value].map(<[u8]>::to_vec);
            writer.call(&args).await.unwrap().ok().unwrap();
        }
        let middle = start(SimDir::new(), following(&primary)).await;
        same(&[&primary, &middle]).await;
        ask(&middle, "COMPACT").await.ok().unwrap();
        let (raw, answer) = Raw::follow(middle.addr(), 1, 1).await;
        let words: Vec<&str> = answer.split(' ').collect();
        let ["+SNAPSHOT", offset, body_len] = words[..] else { panic!("{answer}") };
        let (offset, body_len): (u64, usize) = (offset.parse().unwrap(), body_len.parse().unwrap());
        let mut body = Vec::new();
        for round in 0..3 {
            write(&primary, &format!("round{round}-"), 10).await;
            same(&[&primary, &middle]).await;
            ask(&middle, "COMPACT").await.ok().unwrap();
            body.extend(part(&raw, SNAPSHOT).await);
        }
        assert!(info_number(&middle, "persistence", "log_begin").await > offset);
        while body.len() < body_len {
            body.extend(part(&raw, SNAPSHOT).await);
        }
        let mut log = Vec::new();
        let end = info_number(&middle, "persistence", "log_end").await;
        while offset + (log.len() as u64) < end {
            log.extend(part(&raw, FRAMES).await);
        }
        let checked = task::spawn_blocking(move || {
            check_snapshot(offset, &body);
            assert_eq!(Frames::check(&log, offset).unwrap().end(), end);
        });
        checked.await.unwrap();
    });
}

/// The next message of a kind, without pulses, telling that we live.
async fn part(raw: &Raw, kind: u8) -> Vec<u8> {
    loop {
        raw.say(SAFE, &[0; 8]).await.unwrap();
        let message = raw.hear().await.unwrap();
        if message.kind == kind {
            return message.payload;
        }
        assert_eq!(message.kind, PULSE);
    }
}

fn check_snapshot(offset: u64, body: &[u8]) {
    let dir = Arc::new(SimDir::new());
    let (log, _) = Log::open(dir, &Options::default(), &mut |_| Ok(())).unwrap();
    let mut incoming = log.incoming(offset).unwrap();
    incoming.write(body).unwrap();
    let mut chunks = 0;
    let received = incoming.check(&mut |_| {
        chunks += 1;
        Ok(())
    });
    assert_eq!(received.unwrap().offset(), offset);
    assert!(chunks > 0);
}

/// The path of a directory that is removed in the end.
struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> TempDir {
        let name = format!("copies-{name}-{}", std::process::id());
        TempDir(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Followers on real files, compacting by themselves.
#[test]
fn d3_nodes_on_real_files_compact_by_themselves_and_stay_the_same() {
    watched(async {
        let small = |settings: Settings| Settings { compact_after: 20_000, ..settings };
        let [_, tokio, smol] = runtimes();
        let dirs = ["primary", "follower"].map(TempDir::new);
        let open = |at: usize| SystemDir::open(&dirs[at].0).unwrap();
        let primary = start_on(&tokio, open(0), small(Settings::default())).await;
        let follower = start_on(&smol, open(1), small(following(&primary))).await;
        for round in 0..5 {
            write(&primary, &format!("round{round}-"), 400).await;
            same(&[&primary, &follower]).await;
        }
        for node in [&primary, &follower] {
            eventually("a compaction", async || {
                (info_number(node, "persistence", "log_begin").await > 0).then_some(())
            })
            .await;
        }
        same(&[&primary, &follower]).await;
    });
}

/// The body of a snapshot at some offset that is a state only together with the next 1000 bytes.
fn unfinished_snapshot() -> (u64, Vec<u8>) {
    let dir = Arc::new(SimDir::new());
    let (mut log, _) = Log::open(dir, &Options::default(), &mut |_| Ok(())).unwrap();
    log.append(b"").unwrap();
    let offset = log.rotate().unwrap();
    let writer = log.snapshot_writer(offset).unwrap();
    let end = log.append(&[0; 1000]).unwrap();
    log.sync().unwrap();
    writer.finish(end).unwrap();
    let (snapshot, _) = log.tail().newest_snapshot().unwrap();
    let mut body = Vec::new();
    snapshot.read_at(&mut body, usize::MAX, 0).unwrap();
    (offset, body)
}

/// While a follower has a snapshot and not yet the log that belongs to it, it shows nothing; also
/// not after a restart, and it does not become a primary.
#[test]
fn d3_a_state_that_never_was_is_shown_to_nobody() {
    watched(async {
        let (offset, body) = unfinished_snapshot();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let follow = Some(listener.local_addr().unwrap().to_string());
        let settings = Settings { follow, ..Settings::default() };
        let dir = SimDir::new();
        let node = start(dir.clone(), settings.clone()).await;
        let (raw, _, _) = Raw::accept(&listener).await;
        let line = format!("+SNAPSHOT {offset} {}\r\n", body.len());
        raw.send(line.as_bytes()).await.unwrap();
        raw.say(PULSE, &pulse(2000)).await.unwrap();
        raw.say(SNAPSHOT, &body).await.unwrap();
        while raw.hear().await.unwrap().payload != offset.to_le_bytes() {}
        for words in ["GET key", "DBSIZE", "DIGEST", "SET key value"] {
            let answer = ask(&node, words).await.to_string();
            assert!(answer.starts_with("LOADING "), "{words}: {answer}");
        }
        let answer = ask(&node, "COMPACT").await.to_string();
        assert!(answer.ends_with("still catching up with its primary"), "{answer}");
        assert_eq!(info(&node, "replication", "catching_up").await.unwrap(), "1");
        drop(node);
        let left = dir.crash(Crash::Kill);
        let node = start(left.clone(), settings).await;
        assert!(ask(&node, "GET key").await.to_string().starts_with("LOADING "));
        drop(node);
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let primary = Settings::default();
        let refused = Node::start(anywhere, Arc::new(left.crash(Crash::Kill)), primary).await;
        let refused = refused.err().unwrap();
        assert!(matches!(refused, StartError::Unfinished), "{refused}");
    });
}
