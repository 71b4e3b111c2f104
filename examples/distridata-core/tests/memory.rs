//! D5: who does not read is waited for, not buffered for. Alone in its process, for it looks at how
//! much memory that has.
#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::task::Poll;

use distridata_core::client::{Client, encode};
use distridata_core::log::files::SystemDir;
use distridata_core::{Node, Settings};
use runtime_traits::net::TcpStream;
use runtime_traits::task;
use runtime_traits::time::{self, Duration};

const VALUE: usize = 64 << 10;
/// Writes, of a few keys only: the log grows to 128 MB, what is stored does not.
const WRITES: usize = 2000;
const FOLLOWERS: usize = 8;
/// Far more than all this needs, far less than one of the followers' shares if it were buffered.
const GROWTH_MAX: usize = 96 << 20;

/// Bytes of memory that the process has right now.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

/// A follower that says it lives and reads one byte now and then.
async fn slow_follower(node: &Node) -> std::io::Error {
    let stream = TcpStream::connect(node.addr()).await.unwrap();
    stream.write_all(&encode(&["REPLICATE", "1", "0", "0", "1000"])).await.unwrap();
    let alive = [&[4, 8, 0, 0, 0][..], &[0; 8]].concat();
    loop {
        if let Err(error) = stream.write_all(&alive).await {
            return error;
        }
        let _ = stream.read(&mut [0]).await;
        time::sleep(Duration::from_millis(100)).await;
    }
}

/// A client that asks for much and reads nothing.
async fn deaf_client(node: &Node) -> std::io::Error {
    let stream = TcpStream::connect(node.addr()).await.unwrap();
    let gets = encode(&["MGET", "key0", "key1", "key2", "key3"]).repeat(1000);
    loop {
        if let Err(error) = stream.write_all(&gets).await {
            return error;
        }
        task::yield_now().await; // the others are in the same task
    }
}

async fn write(node: &Node) {
    let mut client = Client::connect(node.addr()).await.unwrap();
    let value = vec![7; VALUE];
    for n in 0..WRITES {
        let key = format!("key{}", n % 4);
        client.call(&[b"SET", key.as_bytes(), &value]).await.unwrap().ok().unwrap();
    }
}

#[test]
fn d5_slow_followers_and_deaf_clients_cost_no_memory_and_hold_nobody_up() {
    let path = format!("{}/memory-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    runtime_default::block_on(async {
        let dir = Arc::new(SystemDir::open(&path).unwrap());
        let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        // Compaction would forget what the followers have not read.
        let settings = Settings { compact_after: 1 << 40, ..Settings::default() };
        let node = Node::start(anywhere, dir, settings).await.unwrap();
        let before = resident();
        let mut slow: Vec<_> = (0..FOLLOWERS).map(|_| Box::pin(slow_follower(&node))).collect();
        let mut deaf: Vec<_> = (0..FOLLOWERS).map(|_| Box::pin(deaf_client(&node))).collect();
        let mut writing = Box::pin(write(&node));
        // All of them, until everything is written.
        std::future::poll_fn(|cx| {
            for follower in &mut slow {
                if let Poll::Ready(error) = follower.as_mut().poll(cx) {
                    panic!("a follower that says it lives is let go: {error}");
                }
            }
            for client in &mut deaf {
                let _ = client.as_mut().poll(cx);
            }
            writing.as_mut().poll(cx)
        })
        .await;
        let grown = resident().saturating_sub(before);
        assert!(grown < GROWTH_MAX, "{} MB more", grown >> 20);
    });
    let _ = std::fs::remove_dir_all(path);
}
