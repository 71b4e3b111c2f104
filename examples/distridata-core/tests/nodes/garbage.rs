//! What strangers send: it ends their connection and changes nothing.

use distridata_core::log::frame::Frames;
use distridata_core::log::sim::SimDir;
use distridata_core::{Node, Settings};
use runtime_traits::net::TcpListener;
use runtime_traits::task;

use crate::raw::{FRAMES, PULSE, Raw, SAFE, SNAPSHOT, message, pulse};
use crate::silence::whole_log;
use crate::support::{ask, following, same, stand, start, watched, write};

/// What a primary may send after `+CONTINUE`, `+SNAPSHOT …` or instead, to one whose log ends at
/// the end of `log`.
fn bad_primaries(log: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hello = |line: &str| [line.as_bytes(), &message(PULSE, &pulse(1 << 20))].concat();
    let then = |line: &str, more: Vec<u8>| [hello(line), more].concat();
    let end = log.len() as u64;
    // The last frame at its own place again, and a flipped bit in one that follows.
    let last = Frames::check(log, 0).unwrap().last().unwrap();
    let again = log[last.offset as usize..].to_vec();
    let no_op = frame(end, b"\xff\xff");
    let mut flipped = frame(end, b"");
    flipped[4] ^= 1;
    let itself = [end, 1, 2].map(u64::to_le_bytes).concat();
    vec![
        ("a line that is none of the answers", b"+HELLO\r\n".to_vec()),
        ("a line without an end", vec![b'+'; 2000]),
        ("a refusal", b"-ERR max number of clients reached\r\n".to_vec()),
        ("an unknown kind", then("+CONTINUE\r\n", message(77, b"x"))),
        ("a message that is too long", then("+CONTINUE\r\n", vec![FRAMES, 255, 255, 255, 255])),
        ("half a pulse", [b"+CONTINUE\r\n".to_vec(), message(PULSE, b"1234")].concat()),
        ("frames before a pulse", [b"+CONTINUE\r\n".to_vec(), message(FRAMES, &again)].concat()),
        ("what only followers send", then("+CONTINUE\r\n", message(SAFE, &itself[..8]))),
        ("a snapshot nobody announced", then("+CONTINUE\r\n", message(SNAPSHOT, b"x"))),
        ("frames of another place", then("+CONTINUE\r\n", message(FRAMES, &again))),
        ("a frame with a flipped bit", then("+CONTINUE\r\n", message(FRAMES, &flipped))),
        ("zeros", then("+CONTINUE\r\n", message(FRAMES, &[0; 64]))),
        ("a good frame that holds no ops", then("+CONTINUE\r\n", message(FRAMES, &no_op))),
        ("a snapshot of rubbish", then("+SNAPSHOT 70 100\r\n", message(SNAPSHOT, &[7; 100]))),
        ("a snapshot that is longer", then("+SNAPSHOT 70 10\r\n", message(SNAPSHOT, &[7; 11]))),
        ("a snapshot of nothing", then("+SNAPSHOT 70 0\r\n", Vec::new())),
    ]
}

/// A frame, made by hand: length, checksum, offset, payload.
fn frame(offset: u64, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_le_bytes();
    let rest = [&offset.to_le_bytes()[..], payload].concat();
    let crc = crc32fast::hash(&[&len[..], &[0; 4], &rest].concat());
    let candidates = [crc, crc32fast::hash(&[&len[..], &rest].concat())];
    let build = |crc: u32| [&len[..], &crc.to_le_bytes(), &rest].concat();
    let good =
        |bytes: &Vec<u8>| Frames::check(bytes, offset).is_ok_and(|frames| frames.count() > 0);
    candidates.map(build).into_iter().find(good).expect("the format is another one")
}

#[test]
fn a_follower_leaves_who_sends_rubbish_and_has_lost_nothing() {
    watched(async {
        let source = start(SimDir::new(), Settings::default()).await;
        write(&source, "key", 20).await;
        let digest = same(&[&source]).await;
        let (epoch, end) = stand(&source).await;
        let log = whole_log(&source, end).await;
        let cases = bad_primaries(&log).into_iter().map(|(name, bytes)| {
            let (digest, log) = (digest.clone(), log.clone());
            task::spawn(async move { one_bad_primary(name, &bytes, epoch, &log, &digest).await })
        });
        for case in cases.collect::<Vec<_>>() {
            case.await.unwrap();
        }
    });
}

async fn one_bad_primary(name: &str, bytes: &[u8], epoch: u64, log: &[u8], digest: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let follow = Some(listener.local_addr().unwrap().to_string());
    let node = start(SimDir::new(), Settings { follow, ..Settings::default() }).await;
    // First it is fed well, so that it has something to lose.
    let (raw, _, _) = Raw::accept(&listener).await;
    raw.send(b"+RESTART\r\n").await.unwrap();
    raw.say(PULSE, &pulse(0)).await.unwrap();
    raw.say(FRAMES, log).await.unwrap();
    let end = log.len() as u64;
    while raw.hear().await.unwrap().payload != end.to_le_bytes() {}
    drop(raw);
    let (raw, hello_epoch, hello_offset) = Raw::accept(&listener).await;
    assert_eq!((hello_epoch, hello_offset), (epoch, end));
    raw.send(bytes).await.unwrap();
    raw.ended().await;
    let (_raw, hello_epoch, hello_offset) = Raw::accept(&listener).await;
    assert_eq!((hello_epoch, hello_offset), (epoch, end), "after {name}");
    assert_eq!(ask(&node, "DIGEST").await.to_string(), *digest, "after {name}");
}

#[test]
fn a_primary_leaves_who_sends_rubbish_and_serves_the_others() {
    watched(async {
        let node = start(SimDir::new(), Settings::default()).await;
        let follower = start(SimDir::new(), following(&node)).await;
        write(&node, "key", 20).await;
        let rubbish = [
            message(77, b"x"),
            vec![SAFE, 255, 255, 255, 255],
            message(SAFE, b"1234"),
            message(FRAMES, &[0; 64]),
            message(PULSE, &pulse(0)),
            b"*1\r\n$4\r\nPING\r\n".to_vec(),
        ];
        for bytes in rubbish {
            let (raw, answer) = Raw::follow(node.addr(), 0, 0).await;
            assert_eq!(answer, "+RESTART");
            raw.send(&bytes).await.unwrap();
            raw.ended().await;
        }
        for hello in ["REPLICATE", "REPLICATE 1 2 3", "REPLICATE 1 2 x 4", "REPLICATE 1 -2 3 4"] {
            let words = ask(&node, hello).await.to_string();
            assert!(words.starts_with("ERR REPLICATE is what followers say"), "{words}");
        }
        let words = ask(&node, "REPLICATE 2 0 0 1").await.to_string();
        assert_eq!(words, "ERR this node speaks version 1 of the replication protocol");
        write(&node, "more", 20).await;
        same(&[&node, &follower]).await;
    });
}

/// Two nodes that are told to follow each other, and one that is told to follow itself.
#[test]
fn who_follows_himself_is_told_so() {
    watched(async {
        let node = own_follower().await;
        crate::support::eventually("the reason", async || {
            let error = crate::support::info(&node, "replication", "last_link_error").await?;
            error.contains("nobody can follow himself").then_some(())
        })
        .await;
    });
}

/// A node that follows the address at which it listens itself.
async fn own_follower() -> Node {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let settings = Settings { follow: Some(addr.to_string()), ..Settings::default() };
        // Somebody else may have taken it by now.
        if let Ok(node) = Node::start(addr, std::sync::Arc::new(SimDir::new()), settings).await {
            return node;
        }
    }
}
