//! Starting nodes, asking them, and waiting for what must come.

use std::net::SocketAddr;
use std::sync::Arc;

use distridata_core::client::{Answer, Client};
use distridata_core::log::files::Dir;
use distridata_core::{Fsync, Node, Settings};
use runtime_traits::Handle;
use runtime_traits::time::{self, Duration};

/// What takes longer than this has gone wrong.
const FAR_TOO_LONG: Duration = Duration::from_secs(60);

/// All the runtimes that the tests have.
pub(crate) fn runtimes() -> [Handle; 3] {
    [runtime_default::handle(), runtime_tokio::handle(), runtime_smol::handle()]
}

/// Runs a test on the one runtime-default of this process, and ends it if it hangs.
pub(crate) fn watched<R>(test: impl Future<Output = R>) -> R {
    let watched = async { time::timeout(FAR_TOO_LONG, test).await.expect("this test hangs") };
    runtime_default::block_on(watched)
}

/// Waits until `look` finds something.
pub(crate) async fn eventually<R>(what: &str, mut look: impl AsyncFnMut() -> Option<R>) -> R {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            time::sleep(Duration::from_millis(2)).await;
        }
    };
    time::timeout(FAR_TOO_LONG, looking).await.unwrap_or_else(|_| panic!("never came: {what}"))
}

pub(crate) fn always() -> Settings {
    Settings { fsync: Fsync::Always, ..Settings::default() }
}

pub(crate) fn following(node: &Node) -> Settings {
    Settings { follow: Some(node.addr().to_string()), ..Settings::default() }
}

/// Starts a node on the runtime that is current.
pub(crate) async fn start(dir: impl Dir + 'static, settings: Settings) -> Node {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    Node::start(anywhere, Arc::new(dir), settings).await.unwrap()
}

/// Starts a node on another one.
pub(crate) async fn start_on(
    runtime: &Handle,
    dir: impl Dir + 'static,
    settings: Settings,
) -> Node {
    runtime.spawn(start(dir, settings)).await.unwrap()
}

pub(crate) async fn client(node: &Node) -> Client {
    Client::connect(node.addr()).await.unwrap()
}

/// Asks once, on a connection of its own.
pub(crate) async fn ask(node: &Node, words: &str) -> Answer {
    let args: Vec<&str> = words.split(' ').collect();
    client(node).await.call(&args).await.unwrap()
}

/// Writes `count` keys: `<name>0`, `<name>1`, …
pub(crate) async fn write(node: &Node, name: &str, count: usize) {
    let mut client = client(node).await;
    for n in 0..count {
        client.send(&["SET", &format!("{name}{n}"), "v"]).await.unwrap();
    }
    for _ in 0..count {
        client.receive().await.unwrap().ok().unwrap();
    }
}

/// Where the log ends, a digest of the data, the number of keys; `None` while there is none.
pub(crate) async fn digest(node: &Node) -> Option<String> {
    match ask(node, "DIGEST").await {
        Answer::Error(_) => None,
        answer => Some(answer.to_string()),
    }
}

/// Waits until all nodes have the same log and data; answers what they have.
pub(crate) async fn same(nodes: &[&Node]) -> String {
    eventually("equal digests", async || {
        let first = digest(nodes[0]).await?;
        for node in &nodes[1..] {
            if digest(node).await.as_ref() != Some(&first) {
                return None;
            }
        }
        Some(first)
    })
    .await
}

/// One line of what INFO says.
pub(crate) async fn info(node: &Node, section: &str, name: &str) -> Option<String> {
    let text = ask(node, &format!("INFO {section}")).await.to_string();
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

pub(crate) async fn info_number(node: &Node, section: &str, name: &str) -> u64 {
    info(node, section, name).await.unwrap().parse().unwrap()
}

/// A node's epoch, and where its log ends: what it says to whom it follows.
pub(crate) async fn stand(node: &Node) -> (u64, u64) {
    let epoch = info_number(node, "replication", "epoch").await;
    (epoch, info_number(node, "persistence", "log_end").await)
}
