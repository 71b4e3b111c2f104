//! Heartbeats, patience and back-off: who speaks is heard out, who is silent is given up.

use std::time::Instant;

use distridata_core::Settings;
use distridata_core::log::sim::SimDir;
use runtime_traits::net::TcpListener;
use runtime_traits::time::{self, Duration};

use crate::raw::{FRAMES, Message, PULSE, Raw, SAFE, message, pulse, pulse_with};
use crate::support::{
    ask, client, eventually, following, info, info_number, same, stand, start, watched, write,
};

const HEARTBEAT: Duration = Duration::from_millis(60);

fn lively() -> Settings {
    Settings { heartbeat: HEARTBEAT, ..Settings::default() }
}

async fn listener() -> (TcpListener, Settings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let follow = Some(listener.local_addr().unwrap().to_string());
    (listener, Settings { follow, ..lively() })
}

#[test]
fn a_primary_that_falls_silent_is_given_up_and_tried_again() {
    watched(async {
        let (listener, settings) = listener().await;
        let node = start(SimDir::new(), settings).await;
        let (raw, _, _) = Raw::accept(&listener).await;
        raw.send(b"+RESTART\r\n").await.unwrap();
        raw.say(PULSE, &pulse(0)).await.unwrap();
        eventually("the follower believes it", async || {
            (info(&node, "replication", "master_link_status").await? == "up").then_some(())
        })
        .await;
        raw.ended().await;
        // Before the answer to its hello silence is not borne either.
        let (raw, _, _) = Raw::accept(&listener).await;
        raw.ended().await;
        let _third = Raw::accept(&listener).await;
        let error = info(&node, "replication", "last_link_error").await.unwrap();
        assert!(error.starts_with("nothing heard for "), "{error}");
    });
}

#[test]
fn a_follower_that_falls_silent_is_given_up() {
    watched(async {
        let node = start(SimDir::new(), lively()).await;
        let (raw, _) = Raw::follow(node.addr(), 0, 0).await;
        let mut pulses = 0;
        while let Ok(message) = raw.hear().await {
            pulses += usize::from(message.kind == PULSE);
        }
        assert!(pulses > 1, "witness: the primary had spoken");
        eventually("it is forgotten", async || {
            (info_number(&node, "replication", "connected_slaves").await == 0).then_some(())
        })
        .await;
    });
}

/// A heartbeat of somebody calmer than [`lively`] nodes.
const CALM_MS: u64 = 300;

/// Otherwise a node with a short heartbeat would lose every one with a long heartbeat, for ever.
#[test]
fn who_has_a_longer_heartbeat_is_waited_for_longer() {
    watched(async {
        let patience = Duration::from_millis(5 * CALM_MS);
        let node = start(SimDir::new(), lively()).await;
        let begun = Instant::now();
        let (raw, _) = Raw::follow_with(node.addr(), 0, 0, CALM_MS).await;
        raw.ended().await;
        assert!(begun.elapsed() >= patience, "a follower's: {:?}", begun.elapsed());

        let (listener, settings) = listener().await;
        let _node = start(SimDir::new(), settings).await;
        let (raw, _, _) = Raw::accept(&listener).await;
        let begun = Instant::now();
        raw.send(b"+RESTART\r\n").await.unwrap();
        raw.say(PULSE, &pulse_with(0, CALM_MS)).await.unwrap();
        raw.ended().await;
        assert!(begun.elapsed() >= patience, "a primary's: {:?}", begun.elapsed());
    });
}

/// A follower says in INFO how far its primary is: it has to hear of it under load, too.
#[test]
fn a_primary_that_always_has_frames_to_send_still_says_how_far_it_is() {
    watched(async {
        let settings = Settings { heartbeat: CALM, ..Settings::default() };
        let node = start(SimDir::new(), settings).await;
        let (raw, _) = Raw::follow(node.addr(), 0, 0).await;
        let writing = async {
            let mut client = client(&node).await;
            loop {
                client.call(&["SET", "key", "v"]).await.unwrap();
            }
        };
        let hearing = async {
            for _ in 0..4 {
                while raw.hear().await.unwrap().kind != PULSE {
                    raw.say(SAFE, &[0; 8]).await.unwrap();
                }
            }
        };
        futures_lite::future::or(hearing, writing).await;
    });
}

/// For tests in which a node must not lose its patience: with some to spare, for a busy machine.
const CALM: Duration = Duration::from_millis(200);

/// When the test has spoken, and whether that was often enough.
struct Voice {
    spoken: Option<Instant>,
    was_late: bool,
}

impl Voice {
    /// Says the first word. What comes before it is the connection's time, not ours.
    async fn first(&mut self, raw: &Raw, bytes: &[u8]) -> Option<()> {
        let begun = Instant::now();
        raw.send(bytes).await.ok()?;
        self.spoken = Some(begun);
        Some(())
    }

    /// Sends something. `None` once the node has given the connection up.
    async fn say(&mut self, raw: &Raw, bytes: &[u8]) -> Option<()> {
        let begun = Instant::now();
        raw.send(bytes).await.ok()?;
        self.look();
        self.spoken = Some(begun);
        Some(())
    }

    /// Half of the patience is the node's, to notice what has come.
    fn look(&mut self) {
        self.was_late |= self.spoken.is_none_or(|spoken| spoken.elapsed() >= 5 * CALM / 2);
    }
}

/// Runs `talk` until it comes to its end. It may be given up only if it was late itself.
async fn unless_late(mut talk: impl AsyncFnMut(&mut Voice) -> Option<()>) {
    loop {
        let mut voice = Voice { spoken: None, was_late: false };
        if talk(&mut voice).await.is_some() {
            return;
        }
        voice.look();
        assert!(voice.was_late, "given up though it was spoken to all the time");
    }
}

#[test]
fn a_follower_that_speaks_and_has_nothing_to_say_is_kept() {
    watched(async {
        let settings = Settings { heartbeat: CALM, ..Settings::default() };
        let node = start(SimDir::new(), settings).await;
        unless_late(async |voice| {
            let (raw, _) = Raw::follow(node.addr(), 0, 0).await;
            let safe = message(SAFE, &[0; 8]);
            voice.first(&raw, &safe).await?;
            for _ in 0..12 {
                while raw.hear().await.ok()?.kind != PULSE {}
                voice.say(&raw, &safe).await?;
            }
            Some(())
        })
        .await;
    });
}

/// A message that takes many heartbeats to come: the follower hears that it is coming, and says
/// meanwhile that it lives.
#[test]
fn a_slow_message_is_not_silence() {
    watched(async {
        let source = start(SimDir::new(), Settings::default()).await;
        write(&source, "key", 3).await;
        let (epoch, end) = stand(&source).await;
        let log = whole_log(&source, end).await;
        let (listener, settings) = listener().await;
        let node = start(SimDir::new(), Settings { heartbeat: CALM, ..settings }).await;
        unless_late(async |voice| {
            let (raw, _, _) = Raw::accept(&listener).await;
            voice.first(&raw, b"+RESTART\r\n").await?;
            voice.say(&raw, &message(PULSE, &pulse(end))).await?;
            let message = message(FRAMES, &log);
            let (slow, rest) = message.split_at(15);
            for byte in slow {
                while raw.hear().await.ok()?.kind != SAFE {}
                voice.say(&raw, &[*byte]).await?;
            }
            voice.say(&raw, rest).await?;
            let all = Message { kind: SAFE, payload: end.to_le_bytes().to_vec() };
            while raw.hear().await.ok()? != all {}
            Some(())
        })
        .await;
        assert_eq!(stand(&node).await, (epoch, end));
        same(&[&source, &node]).await;
    });
}

/// All frames that a node has, up to `end`.
pub(crate) async fn whole_log(node: &distridata_core::Node, end: u64) -> Vec<u8> {
    let (raw, answer) = Raw::follow(node.addr(), 0, 0).await;
    assert_eq!(answer, "+RESTART");
    let mut log = Vec::new();
    while (log.len() as u64) < end {
        let message = raw.hear().await.unwrap();
        if message.kind == FRAMES {
            log.extend(message.payload);
        }
    }
    log
}

#[test]
fn a_follower_does_not_spin_when_its_primary_closes_at_once() {
    watched(async {
        let (listener, settings) = listener().await;
        let _node = start(SimDir::new(), settings).await;
        drop(listener.accept().await.unwrap());
        let mut pause = Duration::from_millis(100);
        for attempt in 0..5 {
            let closed = Instant::now();
            let next = listener.accept().await.unwrap();
            // Half of the pause is certain, the rest is by chance; it doubles each time.
            assert!(closed.elapsed() >= pause / 2, "attempt {attempt}: {:?}", closed.elapsed());
            drop(next);
            pause *= 2;
        }
    });
}

/// Clients are served while a follower reads nothing at all, though it says that it lives.
#[test]
fn d5_a_follower_that_does_not_read_holds_nobody_up() {
    watched(async {
        let node = start(SimDir::new(), lively()).await;
        let (raw, _) = Raw::follow(node.addr(), 0, 0).await;
        let speaking = async {
            while raw.say(SAFE, &[0; 8]).await.is_ok() {
                time::sleep(HEARTBEAT).await;
            }
        };
        let writing = async {
            // More than the sockets in between can hold.
            let value = "v".repeat(64 << 10);
            let mut client = client(&node).await;
            for n in 0..300 {
                client
                    .call(&["SET", &format!("key{}", n % 4), &value])
                    .await
                    .unwrap()
                    .ok()
                    .unwrap();
            }
        };
        futures_lite::future::or(writing, speaking).await;
        assert_eq!(ask(&node, "DBSIZE").await.to_string(), "4");
        // Another one comes by all the same.
        let other = start(SimDir::new(), following(&node)).await;
        same(&[&node, &other]).await;
    });
}
