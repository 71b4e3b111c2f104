//! The process's own streams. Each test runs itself again as a child, whose streams are pipes.

use std::env;
use std::io::{BufRead as _, BufReader, Write};
use std::pin::pin;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use futures_lite::StreamExt as _;
use runtime_traits::io::{self, AsyncBufReadExt as _, AsyncReadExt as _};
use runtime_traits::task::TaskGroup;

use crate::support::{Owner, Start, poll_once, with_every_runtime};

const CHILD: &str = "INTEGRATION_CHILD";

/// What the child is started with, and how the parent writes to its stdin, if that is no pipe.
struct Streams {
    stdin: Stdio,
    stderr: Stdio,
    keyboard: Option<Box<dyn Write>>,
}

fn pipes() -> Streams {
    Streams { stdin: Stdio::piped(), stderr: Stdio::inherit(), keyboard: None }
}

/// The child, as seen by the parent.
struct Peer {
    child: Child,
    stdin: Option<Box<dyn Write>>,
    stdout: BufReader<ChildStdout>,
}

impl Peer {
    fn send(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("open");
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    fn close(&mut self) {
        self.stdin = None;
    }

    /// Reads what the child says until it has said `word`; the lines before.
    fn until(&mut self, word: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let n = self.stdout.read_line(&mut line).unwrap();
            assert_ne!(n, 0, "the child ended before it said {word}: {lines:?}");
            if line.trim_end() == word {
                return lines;
            }
            lines.push(line);
        }
    }
}

/// Says a word to the parent, through the stream under test.
async fn say(word: &str) {
    let stdout = io::stdout();
    stdout.write_all(format!("\n{word}\n").as_bytes()).await.unwrap();
    stdout.flush().await.unwrap();
}

/// In the parent: starts the child, and calls `parent` with it. In the child: calls `child`.
fn both(streams: impl FnOnce() -> Streams, child: impl FnOnce(), parent: impl FnOnce(&mut Peer)) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    if env::var_os(CHILD).is_some() {
        return child();
    }
    // With one test at a time the harness uses its own thread, which has another name.
    assert!(name.contains("::"), "run with --test-threads=2 or more");
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([&name, "--exact", "--nocapture", "--test-threads=2"]).env(CHILD, "1");
    let Streams { stdin, stderr, keyboard } = streams();
    command.stdin(stdin).stdout(Stdio::piped()).stderr(stderr);
    let mut child = command.spawn().unwrap();
    drop(command); // our copies of the child's ends
    let pipe = child.stdin.take().map(|pipe| Box::new(pipe) as Box<dyn Write>);
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut peer = Peer { child, stdin: keyboard.or(pipe), stdout };
    parent(&mut peer);
    let rest: Vec<String> = peer.stdout.lines().map(|line| line.unwrap()).collect();
    let status = peer.child.wait().unwrap();
    assert!(status.success(), "{name}: {status}\n{rest:#?}");
    assert!(rest.iter().any(|line| line.contains("1 passed")), "{name} did not run: {rest:#?}");
}

/// Both, with a pipe for stdin and the parent's stderr.
fn talk(start: Start, child: impl Future<Output = ()>, parent: impl FnOnce(&mut Peer)) {
    both(pipes, || start().block_on(child), parent);
}

/// Asks for bytes, and does not wait.
async fn ask_and_drop() {
    assert!(poll_once(pin!(io::stdin().read(&mut [0; 3]))).await.is_pending());
}

async fn rest() -> String {
    let mut rest = String::new();
    io::stdin().read_to_string(&mut rest).await.unwrap();
    rest
}

with_every_runtime! {
    fn a_dropped_read_loses_nothing(start: Start) {
        let child = async {
            for n in 0..5 {
                // By the method, and by the trait.
                ask_and_drop().await;
                let mut stdin = io::stdin();
                let mut buf = [0; 2];
                let polled = poll_once(pin!(io::AsyncReadExt::read(&mut stdin, &mut buf))).await;
                assert!(polled.is_pending());
                say(&format!("dropped {n}")).await;
                assert_eq!(io::stdin().read(&mut buf).await.unwrap(), 2);
                assert_eq!(buf, [b'0' + n, b'a'], "what came is for the next");
                assert_eq!(io::stdin().read(&mut buf).await.unwrap(), 1, "as is the rest");
                assert_eq!(buf[0], b'\n');
            }
            ask_and_drop().await;
            say("last").await;
            assert_eq!(rest().await, "the end\n");
        };
        talk(start, child, |peer| {
            for n in 0..5 {
                peer.until(&format!("dropped {n}"));
                peer.send(format!("{n}a\n").as_bytes());
            }
            peer.until("last");
            peer.send(b"the end\n");
            peer.close();
        });
    }

    fn the_next_reader_may_be_on_another_runtime(start: Start) {
        let child = || {
            let first = start();
            first.block_on(ask_and_drop());
            first.shutdown_background();
            let second = start();
            second.block_on(async {
                say("ended").await;
                assert_eq!(rest().await, "for the second\n");
            });
        };
        both(pipes, child, |peer| {
            peer.until("ended");
            peer.send(b"for the second\n");
            peer.close();
        });
    }

    fn lines_are_read_through_a_buffer(start: Start) {
        let child = async {
            let mut lines = io::BufReader::new(io::stdin()).lines();
            say("ready").await;
            assert_eq!(lines.next().await.unwrap().unwrap(), "one");
            assert!(poll_once(pin!(lines.next())).await.is_pending(), "half of it is there");
            say("half").await;
            assert_eq!(lines.next().await.unwrap().unwrap(), "two and a half");
            assert_eq!(lines.next().await.unwrap().unwrap(), "no newline");
            assert!(lines.next().await.is_none());
        };
        talk(start, child, |peer| {
            peer.until("ready");
            peer.send(b"one\ntwo ");
            peer.until("half");
            peer.send(b"and a half\nno newline");
            peer.close();
        });
    }

    fn several_readers_share_what_comes(start: Start) {
        let child = async {
            let mut readers = TaskGroup::new();
            for _ in 0..3 {
                readers.spawn(async { receive().await });
            }
            say("ready").await;
            let mut all = Vec::new();
            while let Some(ended) = readers.join_next().await {
                all.extend(ended.unwrap());
            }
            all.sort_unstable();
            assert_eq!(all, (0..=255).collect::<Vec<u8>>());
        };
        talk(start, child, |peer| {
            peer.until("ready");
            for byte in 0..=255 {
                peer.send(&[byte]);
            }
            peer.close();
        });
    }

    fn much_is_read_and_the_end_stays(start: Start) {
        let child = async {
            let all = receive().await;
            assert_eq!(all.len(), 1 << 20);
            assert!(all.iter().enumerate().all(|(n, byte)| *byte == n as u8));
            for _ in 0..3 {
                assert_eq!(io::stdin().read(&mut [0]).await.unwrap(), 0);
            }
            assert_eq!(io::stdin().read(&mut []).await.unwrap(), 0);
        };
        talk(start, child, |peer| {
            let all: Vec<u8> = (0..1 << 20).map(|n| n as u8).collect();
            peer.send(&all);
            peer.close();
        });
    }

    fn what_is_printed_keeps_its_order(start: Start) {
        let child = async {
            say("begin").await;
            for n in 0..100 {
                let mut stdout = io::stdout();
                if n % 2 == 0 {
                    // The trait's, which writes behind; the next handle comes after it.
                    io::AsyncWriteExt::write_all(&mut stdout, format!("{n}\n").as_bytes())
                        .await
                        .unwrap();
                } else {
                    stdout.write_all(format!("{n}\n").as_bytes()).await.unwrap();
                }
            }
            io::AsyncWriteExt::close(&mut io::stdout()).await.unwrap();
            say("end").await;
        };
        talk(start, child, |peer| {
            peer.until("begin");
            let lines: Vec<String> = peer.until("end");
            let expected: Vec<String> = (0..100).map(|n| format!("{n}\n")).collect();
            assert_eq!(lines[..100], expected);
        });
    }
}

/// A terminal for stdin, and its keyboard.
#[cfg(target_os = "linux")]
fn terminal() -> Streams {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let name = ptsname(&keyboard, Vec::new()).unwrap();
    let stdin = std::fs::File::open(name.to_str().unwrap()).unwrap();
    let keyboard: Box<dyn Write> = Box::new(std::fs::File::from(keyboard));
    Streams { stdin: stdin.into(), keyboard: Some(keyboard), ..pipes() }
}

/// What one read brings.
#[cfg(target_os = "linux")]
async fn line() -> String {
    let mut buf = [0; 100];
    let n = io::stdin().read(&mut buf).await.unwrap();
    String::from_utf8_lossy(&buf[..n]).into_owned()
}

/// All of stdin, in pieces.
async fn receive() -> Vec<u8> {
    let (mut all, mut buf) = (Vec::new(), [0; 1000]);
    loop {
        match io::stdin().read(&mut buf).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

#[cfg(target_os = "linux")]
with_every_runtime! {
    fn a_full_stderr_is_told_each_time(start: Start) {
        let child = async {
            use std::io::ErrorKind::StorageFull;
            let stderr = io::stderr();
            assert_eq!(stderr.write_all(b"lost").await.unwrap_err().kind(), StorageFull);
            assert_eq!(stderr.flush().await.unwrap_err().kind(), StorageFull, "no false Ok");
            let mut other = io::stderr();
            let wrote = io::AsyncWriteExt::write(&mut other, b"more").await;
            assert_eq!(wrote.unwrap_err().kind(), StorageFull);
            other.write_all(b"").await.unwrap_err();
        };
        let full = || {
            let full = std::fs::File::create("/dev/full").unwrap();
            Streams { stderr: full.into(), ..pipes() }
        };
        both(full, || start().block_on(child), |_| {});
    }

    fn a_terminal_is_read_line_by_line_and_past_its_end(start: Start) {
        let child = async {
            ask_and_drop().await;
            say("dropped").await;
            assert_eq!(line().await, "hello\n");
            ask_and_drop().await;
            say("again").await;
            assert_eq!(line().await, "", "an end");
            say("ended").await;
            assert_eq!(line().await, "more\n", "it was the end of nothing");
        };
        both(terminal, || start().block_on(child), |peer| {
            peer.until("dropped");
            peer.send(b"hello\n");
            peer.until("again");
            peer.send(b"\x04"); // Ctrl-D
            peer.until("ended");
            peer.send(b"more\n");
            // The terminal stays open: the child ends by itself.
            assert!(peer.child.wait().unwrap().success());
        });
    }
}

with_every_runtime! {
    /// The end of a program does not wait for somebody to type.
    fn a_program_ends_though_a_read_waits(start: Start) {
        let child = async {
            ask_and_drop().await;
            say("over").await;
        };
        talk(start, child, |peer| {
            peer.until("over");
            // Its stdin is still open.
            assert!(peer.child.wait().unwrap().success());
        });
    }
}

/// A pipe that ends when its peer is dropped, and says nothing before.
struct Silent(Receiver<()>);

impl std::io::Read for Silent {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(0)
    }
}

/// A pool as small as it gets: four threads, where that can be said.
fn four_threads(start: Start) -> Owner {
    match start() {
        Owner::Default(_) => {
            Owner::Default(runtime_default::Builder::new().max_blocking_threads(4).build().unwrap())
        }
        Owner::Tokio(_) => {
            Owner::Tokio(runtime_tokio::Builder::new().max_blocking_threads(4).build().unwrap())
        }
        owner => owner,
    }
}

with_every_runtime! {
    /// As many reads that wait as such a pool takes.
    fn what_is_printed_waits_for_no_read(start: Start) {
        let child = || {
            four_threads(start).block_on(async {
                let (mut readers, mut peers) = (Vec::new(), Vec::new());
                for _ in 0..3 {
                    let (peer, silent) = channel();
                    let mut reader = io::Unblock::new(Silent(silent));
                    let mut buf = [0];
                    let polled = poll_once(pin!(reader.read(&mut buf))).await;
                    assert!(polled.is_pending());
                    readers.push(reader);
                    peers.push(peer);
                }
                say("said").await;
                io::stderr().write_all(b"\n").await.unwrap();
                io::stderr().flush().await.unwrap();
                drop(peers);
            });
        };
        both(pipes, child, |peer| drop(peer.until("said")));
    }
}
