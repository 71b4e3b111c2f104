//! D3: whose log is whose. A follower goes on only if all it has is part of its primary's history.

use distridata_core::log::sim::{Crash, SimDir};
use distridata_core::{Node, Settings};

use crate::gate::GateDir;
use crate::raw::Raw;
use crate::support::{
    always, ask, following, runtimes, same, stand, start, start_on, watched, write,
};

async fn answer(node: &Node, epoch: u64, offset: u64) -> String {
    Raw::follow(node.addr(), epoch, offset).await.1
}

/// Each start of a primary begins an epoch; a follower of an older one may go on from where the
/// next one began, or from before it.
#[test]
fn d3_epochs_say_who_may_go_on_and_who_begins_again() {
    watched(async {
        let mut dir = SimDir::new();
        let mut ends = Vec::new();
        for round in 0..4 {
            let node = start(dir.clone(), always()).await;
            write(&node, &format!("round{round}-"), 5).await;
            ends.push(stand(&node).await);
            if round == 3 {
                for (at, (epoch, end)) in ends.iter().enumerate() {
                    for offset in [0, 1, *end] {
                        assert_eq!(answer(&node, *epoch, offset).await, "+CONTINUE", "epoch {at}");
                    }
                    assert_eq!(answer(&node, *epoch, end + 1).await, "+RESTART", "epoch {at}");
                }
                assert_eq!(answer(&node, 12345, 0).await, "+RESTART", "nobody's epoch");
                assert_eq!(answer(&node, 12345, 1).await, "+RESTART", "nobody's epoch");
                ask(&node, "COMPACT").await.ok().unwrap();
                for (epoch, end) in &ends[..3] {
                    let words = answer(&node, *epoch, *end).await;
                    assert!(words.starts_with("+SNAPSHOT "), "{words}");
                }
                assert_eq!(answer(&node, ends[3].0, ends[3].1).await, "+CONTINUE");
            }
            drop(node);
            dir = dir.crash(Crash::Lose);
        }
        let mut epochs: Vec<u64> = ends.iter().map(|(epoch, _)| *epoch).collect();
        epochs.dedup();
        assert_eq!(epochs.len(), 4);
    });
}

/// Three times the primary loses what it had not synced and its follower already has; another
/// follower was away all the time.
#[test]
fn d3_a_follower_that_has_what_its_primary_lost_begins_again() {
    watched(async {
        let [default, tokio, smol] = runtimes();
        let (near_dir, far_dir) = (SimDir::new(), SimDir::new());
        let (mut primary_dir, mut near_left) = (SimDir::new(), near_dir);
        let mut far_left = None;
        for round in 0..3 {
            let gated = GateDir::over(primary_dir);
            let primary = start_on(&tokio, gated.clone(), Settings::default()).await;
            let near = start_on(&smol, near_left.clone(), following(&primary)).await;
            write(&primary, &format!("kept{round}-"), 50).await;
            ask(&primary, "COMPACT").await.ok().unwrap(); // syncs
            if far_left.is_none() {
                let far = start_on(&default, far_dir.clone(), following(&primary)).await;
                same(&[&primary, &far]).await;
                drop(far);
                far_left = Some(far_dir.crash(Crash::Kill));
            }
            let shut = gated.shut();
            write(&primary, &format!("lost{round}-"), 50).await;
            same(&[&primary, &near]).await;
            primary_dir = gated.sim.crash(Crash::Lose);
            drop((shut, primary, near));
            near_left = near_left.crash(Crash::Kill);
        }
        let primary = start_on(&tokio, primary_dir, Settings::default()).await;
        write(&primary, "last", 10).await;
        let near = start_on(&smol, near_left, following(&primary)).await;
        let far = start_on(&default, far_left.unwrap(), following(&primary)).await;
        let digest = same(&[&primary, &near, &far]).await;
        assert!(digest.ends_with(" 160"), "{digest}");
        for node in [&primary, &near, &far] {
            let words = "EXISTS kept0-0 kept2-49 lost0-0 lost2-49 last9";
            assert_eq!(ask(node, words).await.to_string(), "3");
        }
    });
}

/// A follower becomes the primary; the old primary has more than it, and follows it.
#[test]
fn d3_a_promoted_follower_is_followed_by_its_old_primary() {
    watched(async {
        let [default, tokio, smol] = runtimes();
        let (old_dir, new_dir, third_dir) = (SimDir::new(), SimDir::new(), SimDir::new());
        let old = start_on(&default, old_dir.clone(), always()).await;
        let new = start_on(&tokio, new_dir.clone(), following(&old)).await;
        let third = start_on(&smol, third_dir.clone(), following(&old)).await;
        write(&old, "both", 20).await;
        same(&[&old, &new, &third]).await;
        drop(new);
        let new_dir = new_dir.crash(Crash::Kill);
        write(&old, "only old", 20).await;
        same(&[&old, &third]).await;
        let third_stood = stand(&third).await;
        drop((old, third));
        let new = start_on(&tokio, new_dir, always()).await;
        write(&new, "only new", 30).await;
        assert_eq!(answer(&new, third_stood.0, third_stood.1).await, "+RESTART");
        let old = start_on(&default, old_dir.crash(Crash::Kill), following(&new)).await;
        let third = start_on(&smol, third_dir.crash(Crash::Kill), following(&old)).await;
        let digest = same(&[&new, &old, &third]).await;
        assert!(digest.ends_with(" 50"), "{digest}");
    });
}
