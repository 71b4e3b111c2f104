//! Channels: what was published before somebody left reaches him before he hears that he has left.

use distridata_core::Settings;
use distridata_core::log::sim::SimDir;

use crate::support::{ask, client, start, watched};

#[test]
fn a_message_from_before_comes_before_the_answer_to_unsubscribe() {
    watched(async {
        let node = start(SimDir::new(), Settings::default()).await;
        let mut listener = client(&node).await;
        listener.call(&["SUBSCRIBE", "a"]).await.unwrap().ok().unwrap();
        for round in 0..500 {
            // The message and the request to leave meet, in either order.
            let (published, sent) = futures_lite::future::zip(
                ask(&node, &format!("PUBLISH a {round}")),
                listener.send(&["UNSUBSCRIBE", "a"]),
            )
            .await;
            sent.unwrap();
            let mut heard = Vec::new();
            loop {
                let answer = listener.receive().await.unwrap().to_string();
                if answer.starts_with("unsubscribe") {
                    break;
                }
                heard.push(answer);
            }
            let expected = match published.to_string().as_str() {
                "1" => vec![format!("message a {round}")],
                _ => vec![],
            };
            assert_eq!(heard, expected, "round {round}");
            listener.call(&["SUBSCRIBE", "a"]).await.unwrap().ok().unwrap();
        }
    });
}
