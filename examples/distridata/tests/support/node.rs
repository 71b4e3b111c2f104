//! A node as a child process: started, heard, asked, killed.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use distridata_core::client::Answer;

use super::{Client, until};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_distridata");

/// The runtimes that the program knows, in its own order: it names them when it is given another.
pub(crate) fn runtimes() -> Vec<String> {
    let mut asked = Command::new(PROGRAM);
    let asked = asked.args(["serve", "--runtime", "?"]).output().unwrap();
    let answer = String::from_utf8(asked.stderr).unwrap();
    let (_, names) = answer.lines().next().unwrap().split_once("there are ").unwrap();
    names.split(", ").map(str::to_owned).collect()
}

/// How to start a node.
#[derive(Clone)]
pub(crate) struct Launch {
    /// What the program is started by, if not directly.
    under: Vec<OsString>,
    args: Vec<OsString>,
}

impl Launch {
    /// On runtime-default, at any port, a primary.
    pub(crate) fn at(data: impl Into<PathBuf>) -> Launch {
        let launch = Launch { under: Vec::new(), args: vec!["serve".into()] };
        launch.with("--listen", "127.0.0.1:0").with("--data", data.into())
    }

    /// An option with a value; the last one of a name counts.
    pub(crate) fn with(mut self, option: &str, value: impl AsRef<OsStr>) -> Launch {
        self.args.extend([option.into(), value.as_ref().to_owned()]);
        self
    }

    pub(crate) fn flag(mut self, option: &str) -> Launch {
        self.args.push(option.into());
        self
    }

    pub(crate) fn on(self, runtime: &str) -> Launch {
        self.with("--runtime", runtime)
    }

    pub(crate) fn follow(self, addr: SocketAddr) -> Launch {
        self.with("--follow", addr.to_string())
    }

    /// Lets another program start it, in the same process.
    pub(crate) fn under(mut self, words: impl IntoIterator<Item = impl Into<OsString>>) -> Launch {
        self.under = words.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn start(&self) -> Node {
        self.try_start().unwrap_or_else(|failure| panic!("the node ends at once: {failure:?}"))
    }

    /// Starts a node that is to refuse, and hears why.
    pub(crate) fn refused(&self) -> Failure {
        self.try_start().err().expect("the node should refuse to start")
    }

    fn try_start(&self) -> Result<Node, Failure> {
        let words: Vec<&OsStr> =
            self.under.iter().map(OsStr::new).chain([OsStr::new(PROGRAM)]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(&self.args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawned = command.spawn();
        let mut child = spawned.unwrap_or_else(|error| {
            panic!("cannot start {:?} ({error}); `cargo xtask test system` installs it", words[0])
        });
        let said = Arc::default();
        let ears = vec![
            hear(child.stdout.take().unwrap(), &said),
            hear(child.stderr.take().unwrap(), &said),
        ];
        let node = Node { child, said, ears, addr: ([0, 0, 0, 0], 0).into(), client: None.into() };
        node.announced()
    }
}

/// Why a node did not start.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

/// A node that serves. Dropping it kills it.
pub(crate) struct Node {
    pub(crate) addr: SocketAddr,
    child: Child,
    said: Arc<Mutex<String>>,
    ears: Vec<JoinHandle<()>>,
    client: Mutex<Option<Client>>,
}

/// What DIGEST answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) offset: i64,
    pub(crate) digest: String,
    pub(crate) keys: i64,
}

impl Node {
    /// Waits until the node says where it listens, or ends.
    fn announced(mut self) -> Result<Node, Failure> {
        let addr = until("a node starts", || {
            let said = self.said();
            let line = said.lines().find_map(|line| line.strip_prefix("listening at "));
            let addr = line.and_then(|line| line.split(' ').next()?.parse().ok());
            let ended = self.ears.iter().all(JoinHandle::is_finished);
            if addr.is_some() || ended { Ok(addr) } else { Err(said) }
        });
        match addr {
            Some(addr) => {
                self.addr = addr;
                Ok(self)
            }
            None => {
                let code = self.child.wait().unwrap().code();
                Err(Failure { code, said: self.said() })
            }
        }
    }

    /// All that it has said so far, on both outputs.
    pub(crate) fn said(&self) -> String {
        lock(&self.said).clone()
    }

    /// How many lines it has said with these words.
    pub(crate) fn count_said(&self, words: &str) -> usize {
        self.said().lines().filter(|line| line.contains(words)).count()
    }

    /// Waits until it says a line with these words.
    pub(crate) fn until_said(&self, words: &str) {
        until(&format!("a node says `{words}`"), || match self.count_said(words) {
            0 => Err(self.said()),
            _ => Ok(()),
        });
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One command, and its answer as text.
    pub(crate) fn ask<A: AsRef<[u8]>>(&self, args: &[A]) -> String {
        self.call(args).to_string()
    }

    /// One command over a connection that is kept for this.
    pub(crate) fn call<A: AsRef<[u8]>>(&self, args: &[A]) -> Answer {
        let mut client = lock(&self.client);
        client.get_or_insert_with(|| Client::connect(self.addr)).call(args)
    }

    /// A line of INFO; empty if there is none of this name.
    pub(crate) fn info(&self, name: &str) -> String {
        let info = self.ask(&["INFO"]);
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().to_owned()
    }

    /// A line of INFO that is a number.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let value = self.info(name);
        value.parse().unwrap_or_else(|_| panic!("INFO has no number `{name}`: `{value}`"))
    }

    pub(crate) fn digest(&self) -> Digest {
        self.try_digest().unwrap()
    }

    /// A follower that is catching up has none.
    fn try_digest(&self) -> Result<Digest, String> {
        match self.call(&["DIGEST"]) {
            Answer::Array(parts) => match &parts[..] {
                [Answer::Integer(offset), Answer::Bulk(digest), Answer::Integer(keys)] => {
                    let digest = String::from_utf8(digest.clone()).unwrap();
                    Ok(Digest { offset: *offset, digest, keys: *keys })
                }
                other => panic!("no digest: {other:?}"),
            },
            Answer::Error(loading) if loading.starts_with("LOADING ") => Err(loading),
            other => panic!("no digest: {other:?}"),
        }
    }

    /// SIGKILL, and waits until it is gone: then its files are nobody's.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("── node at {} said:\n{}", self.addr, self.said());
        }
    }
}

/// Waits until the logs of all nodes end at the same offset, and holds them to promise D3: then
/// every key, value and expiry is the same. Nobody may write to the primary meanwhile.
pub(crate) fn agree(nodes: &[&Node]) -> Digest {
    until("all nodes are at the same offset", || {
        let digests: Vec<Digest> =
            nodes.iter().map(|node| node.try_digest()).collect::<Result<_, _>>()?;
        let first = digests[0].clone();
        if digests.iter().any(|other| other.offset != first.offset) {
            return Err(format!("{digests:?}"));
        }
        assert!(
            digests.iter().all(|other| *other == first),
            "same offset, other data: {digests:?}"
        );
        Ok(first)
    })
}

fn hear(from: impl Read + Send + 'static, said: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            let mut said = lock(&said);
            said.push_str(&line);
            said.push('\n');
        }
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
