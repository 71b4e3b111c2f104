//! Three nodes on three runtimes: what a visitor runs first.
//!
//! The nodes are processes, started from this same program; the demo itself runs on the fourth
//! runtime and speaks to them through the store's own client. They end with it, however it ends, and
//! what they have written goes away.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use distridata_core::client::{Answer, Client};
use runtime_traits::{Handle, io, time};

mod child;

use child::{Node, Plan};

use crate::say::{progress, say};

/// Keys written in each of the two rounds.
const KEYS: usize = 20_000;
/// Commands sent before their answers are read.
const PIPELINE: usize = 500;
/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The whole program.
pub(crate) async fn demo() -> ExitCode {
    let begun = Instant::now();
    let told = match Directory::new() {
        Ok(directory) => story(&directory).await,
        Err(error) => Err(error),
    };
    match told {
        Ok(()) => {
            say(format_args!(
                "\nAll of it took {:.1} s. Now you:\n",
                begun.elapsed().as_secs_f64()
            ));
            say(format_args!("  cargo run --release -p distridata -- serve --runtime tokio"));
            say(format_args!("  redis-cli -p 6380 SET colour blue     # in another terminal"));
            say(format_args!("  redis-cli -p 6380 INFO runtime"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nThe demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn story(directory: &Directory) -> io::Result<()> {
    say(format_args!("One data store, written once. Each node runs it on another runtime.\n"));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let plan =
        |runtime, follow| Plan { runtime, listen: any, data: directory.0.join(runtime), follow };
    let primary = Node::start(plan("default", None)).await?;
    introduce(&primary, "primary");
    let on_tokio = Node::start(plan("tokio", Some(primary.addr))).await?;
    introduce(&on_tokio, "follower");
    let on_smol = Node::start(plan("smol", Some(primary.addr))).await?;
    introduce(&on_smol, "follower");
    say(format_args!(
        "  this demo   on {:<8} (it is a client of all three)",
        Handle::current().info().name
    ));

    step("Writing to the primary, reading back from all three");
    write(&primary, 0).await?;
    agree(&[&primary, &on_tokio, &on_smol]).await?;
    for node in [&primary, &on_tokio, &on_smol] {
        read_back(node, 0).await?;
    }

    step("Killing the follower on tokio (kill -9), and writing on");
    let again = Plan { listen: on_tokio.addr, ..plan("tokio", Some(primary.addr)) };
    on_tokio.kill();
    write(&primary, KEYS).await?;
    agree(&[&primary, &on_smol]).await?;
    say(format_args!("  the one on smol has followed; the one on tokio is gone"));

    step("Starting it again");
    let on_tokio = Node::start(again).await?;
    introduce(&on_tokio, "follower");
    agree(&[&primary, &on_tokio, &on_smol]).await?;
    read_back(&on_tokio, KEYS).await
}

fn step(what: impl Display) {
    say(format_args!("\n{what}"));
}

fn introduce(node: &Node, role: &str) {
    say(format_args!("  {role:<11} on {:<8} at {}", node.runtime, node.addr));
}

/// Writes `KEYS` keys, numbered from `first`, and waits for every answer.
async fn write(node: &Node, first: usize) -> io::Result<()> {
    let mut client = node.client().await?;
    let begun = Instant::now();
    for batch in (first..first + KEYS).step_by(PIPELINE) {
        for number in batch..batch + PIPELINE {
            client.send(&["SET", &key(number), &value(number)]).await?;
        }
        for _ in 0..PIPELINE {
            client.receive().await?.ok()?;
        }
        progress(format_args!("  {} of {KEYS} keys", batch + PIPELINE - first));
    }
    let millis = begun.elapsed().as_millis();
    say(format_args!("  {KEYS} keys written and acknowledged in {millis} ms"));
    Ok(())
}

fn key(number: usize) -> String {
    format!("key:{number}")
}

fn value(number: usize) -> String {
    format!("value {number}, squared {}", number * number)
}

/// Waits until all nodes hold the same, and shows how far they are.
async fn agree(nodes: &[&Node]) -> io::Result<()> {
    loop {
        let mut states = Vec::new();
        for node in nodes {
            states.push(state(node).await?);
        }
        let offsets: Vec<&str> = states.iter().map(|state| state.offset.as_str()).collect();
        if states.iter().all(|state| *state == states[0]) {
            let State { offset, digest, keys } = &states[0];
            say(format_args!("  all at offset {offset}: {keys} keys, digest {}…", &digest[..12]));
            return Ok(());
        }
        progress(format_args!("  offsets: {}", offsets.join(", ")));
        time::sleep(LOOK).await;
    }
}

/// What a node says of all that it holds.
#[derive(PartialEq)]
struct State {
    offset: String,
    digest: String,
    keys: String,
}

async fn state(node: &Node) -> io::Result<State> {
    let mut client = node.client().await?;
    match client.call(&["DIGEST"]).await?.ok()? {
        Answer::Array(parts) if parts.len() == 3 => {
            let [offset, digest, keys] = [0, 1, 2].map(|at| parts[at].to_string());
            Ok(State { offset, digest, keys })
        }
        other => Err(io::Error::other(format!("{} answers {other}", node.addr))),
    }
}

/// Reads a few keys of a round from a node, each compared with what was written.
async fn read_back(node: &Node, first: usize) -> io::Result<()> {
    let mut client: Client = node.client().await?;
    let last = first + KEYS - 1;
    for number in [first, first + 1, first + KEYS / 2, last] {
        let found = client.call(&["GET", &key(number)]).await?.to_string();
        if found != value(number) {
            return Err(io::Error::other(format!("{} has `{found}` for {number}", node.runtime)));
        }
    }
    let sample = client.call(&["GET", &key(last)]).await?;
    say(format_args!("  on {:<8} GET {} → \"{sample}\"", node.runtime, key(last)));
    Ok(())
}

/// Where the nodes keep their logs, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> io::Result<Directory> {
        let directory = Directory::of(std::process::id());
        std::fs::create_dir_all(&directory.0)?;
        Ok(directory)
    }

    /// That of the demo with this process number.
    fn of(demo: u32) -> Directory {
        Directory(std::env::temp_dir().join(format!("distridata-demo-{demo}")))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A node that has not ended yet may write in between.
        let _ = (0..100).find(|_| {
            let _ = std::fs::remove_dir_all(&self.0);
            !self.0.exists()
        });
    }
}

/// Ends this process, a node of the demo, when the demo ends: also when somebody kills that, for
/// then the pipe that is our input ends. All nodes do this, so the last one leaves nothing behind.
pub(crate) fn end_with(demo: u32) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(Directory::of(demo));
        std::process::exit(0);
    });
}
