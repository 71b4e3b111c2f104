//! A disk without room: a small one that is mounted where only this test sees it.
//!
//! ```text
//!  unshare -m sh -c 'mount … && cat'      holds a mount namespace with a small tmpfs
//!       └─ /proc/<pid>/root/<dir>         is that disk, for the node and for the test
//! ```

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::support::{
    Client, Launch, Node, Running, TestDir, agree, announced_lines, request, runtimes, until,
};

/// Mounts, says so, and keeps the mount until its input ends.
const MOUNT: &str =
    "mount -t tmpfs -o size=4m,mode=700 distridata-test \"$0\" && echo mounted && cat";

/// What takes the room that the test gives back later.
const BALLAST: usize = 2 << 20;

/// A disk of four mebibytes, half of them taken.
struct SmallDisk {
    path: PathBuf,
    _holder: Running,
    _dir: TestDir,
}

impl SmallDisk {
    fn new() -> SmallDisk {
        let dir = TestDir::new();
        let is_root = rustix::process::geteuid().is_root();
        let mut command = Command::new("unshare");
        // Who is not root is root of a namespace of users.
        command.arg(if is_root { "-m" } else { "-Urm" }).args(["sh", "-c", MOUNT]).arg(dir.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = Running::start(&mut command);
        let lines = announced_lines(&mut holder);
        let said = lines.recv_timeout(crate::support::WATCHDOG);
        assert_eq!(said.as_deref(), Ok("mounted"), "no small disk: `unshare` or `mount` may not");
        let path = PathBuf::from(format!("/proc/{}/root{}", id(&holder.0), dir.path().display()));
        let disk = SmallDisk { path, _holder: holder, _dir: dir };
        disk.take_room();
        disk
    }

    fn take_room(&self) {
        fs::write(self.path.join("ballast"), vec![0; BALLAST]).unwrap();
    }

    fn give_room(&self) {
        fs::remove_file(self.path.join("ballast")).unwrap();
    }
}

fn id(child: &Child) -> u32 {
    child.id()
}

/// Writes by several clients until each was refused; answers the keys that were acknowledged.
fn fill(node: &Node) -> Vec<String> {
    let addr = node.addr;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                scope.spawn(move || {
                    let mut client = Client::connect(addr);
                    let mut acknowledged = Vec::new();
                    // Ever smaller values, so that no room is left for anything.
                    for (turn, size) in [30_000, 3_000, 300, 30, 30].into_iter().enumerate() {
                        let name = format!("{writer}.{turn}");
                        acknowledged.extend(write_until_refused(&mut client, &name, size));
                    }
                    acknowledged
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    })
}

fn write_until_refused(client: &mut Client, name: &str, size: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    loop {
        let key = format!("{name}:{size}:{}", acknowledged.len());
        let answer = client.ask(&["SET", &key, &value(&key, size)]);
        match answer.as_str() {
            "OK" => acknowledged.push(key),
            refused => {
                assert!(refused.starts_with("MISCONF the log cannot be written"), "{refused}");
                assert!(refused.contains("No space left"), "{refused}");
                return acknowledged;
            }
        }
    }
}

fn value(key: &str, size: usize) -> String {
    format!("{key} {}", "x".repeat(size))
}

/// Each acknowledged key has its value, and there are no others.
fn has_exactly(node: &Node, keys: &[String]) {
    for key in keys {
        let size: usize = key.split(':').nth(1).unwrap().parse().unwrap();
        assert_eq!(node.ask(&["GET", key]), value(key, size));
    }
    assert_eq!(node.ask(&["DBSIZE"]), keys.len().to_string());
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing_acknowledged() {
    for (runtime, fsync) in runtimes().iter().zip(["always", "everysec"].iter().cycle()) {
        let disk = SmallDisk::new();
        let launch = Launch::at(disk.path.join("data")).on(runtime).with("--fsync", fsync);
        let node = launch.start();
        let mut keys = fill(&node);
        println!("{runtime}: {} writes acknowledged", keys.len());
        has_exactly(&node, &keys); // reads go on
        is_refused_and_undone(&node, &keys[0]);
        has_exactly(&node, &keys);

        disk.give_room();
        let mut client = Client::connect(node.addr);
        for number in 0..20 {
            let key = format!("after:30:{number}");
            assert_eq!(client.ask(&["SET", &key, &value(&key, 30)]), "OK", "there is room again");
            keys.push(key);
        }
        has_exactly(&node, &keys);
        let digest = node.digest();
        node.kill();
        let node = launch.start();
        has_exactly(&node, &keys);
        assert_eq!(node.digest().digest, digest.digest);
    }
}

/// Each kind of write, alone and in a pipeline with reads that saw it.
fn is_refused_and_undone(node: &Node, there: &str) {
    let long = "y".repeat(8_000);
    let before = node.digest();
    for args in [
        &["SET", there, &long][..],
        &["SET", "absent", &long],
        &["APPEND", there, &long],
        &["MSET", "absent", &long, there, &long],
    ] {
        assert!(node.ask(args).starts_with("MISCONF "), "{args:?}");
        assert_eq!(node.digest(), before, "{args:?}");
    }
    let mut client = Client::connect(node.addr);
    let commands = [vec!["SET", "absent", &long], vec!["GET", "absent"]];
    client.send(&commands.iter().flat_map(|args| request(args)).collect::<Vec<_>>()).unwrap();
    for command in &commands {
        let answer = client.receive().unwrap().to_string();
        let nothing_seen = answer.starts_with("MISCONF ") || answer == "(nil)";
        assert!(nothing_seen, "{}: a write that did not happen was seen: {answer}", command[0]);
    }
    assert_eq!(node.digest(), before);
}

#[test]
fn a_compaction_without_room_leaves_everything_as_it_was() {
    let disk = SmallDisk::new();
    let launch = Launch::at(disk.path.join("data"));
    let node = launch.start();
    let keys = fill(&node);
    let digest = node.digest().digest;
    let answer = node.ask(&["COMPACT"]);
    assert!(answer.starts_with("ERR not compacted: "), "{answer}");
    assert!(answer.contains("No space left"), "{answer}");
    has_exactly(&node, &keys);
    disk.give_room();
    let answer = node.ask(&["COMPACT"]);
    assert!(answer.starts_with("compacted"), "{answer}");
    has_exactly(&node, &keys);
    node.kill();
    let node = launch.start();
    has_exactly(&node, &keys);
    assert_eq!(node.digest().digest, digest);
}

#[test]
fn a_follower_without_room_waits_and_catches_up_when_there_is_some() {
    let disk = SmallDisk::new();
    let dir = TestDir::new();
    let primary = Launch::at(dir.join("primary")).start();
    let follower = Launch::at(disk.path.join("data")).follow(primary.addr).start();
    let long = "z".repeat(30_000);
    for number in 0..100 {
        assert_eq!(primary.ask(&["SET", &number.to_string(), &long]), "OK");
    }
    until("the follower says that it has no room", || match follower.count_said("No space left") {
        0 => Err(follower.said()),
        _ => Ok(()),
    });
    assert_eq!(follower.ask(&["PING"]), "PONG");
    disk.give_room();
    assert_eq!(agree(&[&primary, &follower]).keys, 100);
}

/// The disk can be full when the node starts.
#[test]
fn a_node_that_finds_no_room_at_its_start_says_so() {
    let disk = SmallDisk::new();
    let rest = fs::File::create(disk.path.join("rest")).unwrap();
    while std::io::Write::write(&mut &rest, &[0; 4096]).is_ok_and(|n| n > 0) {}
    let refused = Launch::at(disk.path.join("data")).refused();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.said.contains("No space left"), "{refused:?}");
}
