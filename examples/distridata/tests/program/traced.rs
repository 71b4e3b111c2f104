//! What the kernel is asked for, in order, as `strace` sees it.
//!
//! A line of the trace is written when a call begins and when it has ended, and the thread waits
//! meanwhile: if the end of an fdatasync stands before the beginning of a send, it was before it.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use crate::support::{Client, Launch, Node, TestDir, runtimes, until};

const CALLS: &str = "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,\
                     pwrite64,pwritev,pwritev2,fsync,fdatasync,sync_file_range";

#[test]
fn with_always_every_acknowledgement_comes_after_the_fdatasync_of_its_write() {
    for runtime in runtimes() {
        let traced = Traced::start(&runtime, "always");
        let per_client = 60;
        thread::scope(|scope| {
            for client in 0..8 {
                let node = &traced.node;
                scope.spawn(move || write(node, client * per_client..(client + 1) * per_client));
            }
        });
        let mut order = Order::default();
        traced.end().try_for_each(|event| order.take(&event)).unwrap();
        assert_eq!(order.acknowledged, 8 * per_client, "{runtime}");
        assert!(order.syncs > 0, "{runtime}");
        println!("{runtime}: {} acknowledged after {} syncs", order.acknowledged, order.syncs);
    }
}

#[test]
fn with_everysec_the_disk_is_asked_once_a_second_and_not_for_each_write() {
    let traced = Traced::start(&runtimes()[0], "everysec");
    let before = traced.syncs();
    let start = Instant::now();
    let mut writes = 0;
    while writes < 500 || traced.syncs() < before + 2 {
        write(&traced.node, writes..writes + 100);
        writes += 100;
    }
    let (syncs, seconds) = (traced.syncs() - before, start.elapsed().as_secs());
    println!("{syncs} syncs for {writes} writes in {seconds} s");
    assert!(syncs < writes / 2, "{syncs} syncs for {writes} writes");
    // Two more: one at either end of the time.
    assert!(syncs as u64 <= seconds + 2, "{syncs} syncs in {seconds} s");
}

/// Each write is one command and one answer.
fn write(node: &Node, numbers: std::ops::Range<usize>) {
    let mut client = Client::connect(node.addr);
    for number in numbers {
        assert_eq!(client.ask(&["SET", &format!("<{number:06}>"), "v"]), "OK");
    }
}

/// The numbers of the keys in what was read, written or sent.
fn numbers(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.split('<').skip(1).filter_map(|part| part.split_once('>')?.0.parse().ok())
}

/// A node under `strace`.
struct Traced {
    node: Node,
    trace: PathBuf,
    _dir: TestDir,
}

impl Traced {
    fn start(runtime: &str, fsync: &str) -> Traced {
        let dir = TestDir::new();
        let trace = dir.join("trace");
        // -D: the node is our child, and strace is somebody else's; it ends with the node.
        let words = ["strace", "-D", "-f", "-s", "4096", "-e", CALLS, "-e", "signal=kill", "-o"];
        let strace = words.map(Into::into).into_iter().chain([trace.clone().into_os_string()]);
        let launch = Launch::at(dir.join("data")).on(runtime).with("--fsync", fsync);
        let node = launch.under(strace).start();
        Traced { node, trace, _dir: dir }
    }

    /// How many syncs have begun so far.
    fn syncs(&self) -> usize {
        read(&self.trace).lines().filter(|line| line.contains(" fdatasync(")).count()
    }

    /// Kills the node and reads the trace to its end.
    fn end(self) -> impl Iterator<Item = Event> {
        let pid = self.node.pid().to_string();
        self.node.kill();
        let text = until("strace ends", || {
            let text = read(&self.trace);
            // The thread that is named like the process ends last.
            let is_last = |line: &str| {
                line.split_once(' ').is_some_and(|(thread, what)| {
                    thread == pid && what.trim_start() == "+++ killed by SIGKILL +++"
                })
            };
            let is_whole = text.lines().any(is_last);
            if is_whole { Ok(text) } else { Err(text.lines().last().unwrap_or("").to_owned()) }
        });
        events(&text).into_iter()
    }
}

fn read(trace: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(trace).unwrap()).into_owned()
}

/// The beginning or the end of a call. A call that nothing came between is both, one after the other.
#[derive(Debug)]
struct Event {
    thread: String,
    call: String,
    /// The first argument.
    descriptor: String,
    /// What has been shown of the arguments so far.
    args: String,
    /// `None` at the beginning.
    result: Option<i64>,
}

fn events(trace: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut open: HashMap<&str, (&str, &str)> = HashMap::new();
    for line in trace.lines() {
        let Some((thread, what)) = line.split_once(' ') else { continue };
        let what = what.trim_start();
        let (call, args, rest) = if let Some(resumed) = what.strip_prefix("<... ") {
            let (call, rest) = resumed.split_once(" resumed>").unwrap();
            let (_, args) = open.remove(thread).unwrap_or((call, ""));
            (call, args, rest)
        } else if let Some((call, args)) = what.split_once('(') {
            match args.strip_suffix("<unfinished ...>") {
                Some(args) => {
                    events.push(event(thread, call, args, None));
                    open.insert(thread, (call, args));
                    continue;
                }
                None => {
                    events.push(event(thread, call, args, None));
                    (call, "", args)
                }
            }
        } else {
            continue; // a thread has ended
        };
        let result = rest.rsplit_once(" = ").and_then(|(_, result)| result.split(' ').next());
        let result = result.and_then(|result| result.parse().ok()).unwrap_or(-1);
        events.push(event(thread, call, &format!("{args}{rest}"), Some(result)));
    }
    events
}

fn event(thread: &str, call: &str, args: &str, result: Option<i64>) -> Event {
    let descriptor = args.split([',', ')', ' ']).next().unwrap_or_default();
    Event {
        thread: thread.into(),
        call: call.into(),
        descriptor: descriptor.into(),
        args: args.into(),
        result,
    }
}

/// Holds a trace to promise D1.
#[derive(Default)]
struct Order {
    /// What was written to the log and where, in the order in which the writes ended.
    written: Vec<(String, usize)>,
    /// How much of that had been written when a thread's sync began.
    covered: HashMap<String, usize>,
    /// How much of that is on the disk.
    synced: usize,
    /// What each client waits for.
    asked: HashMap<String, VecDeque<usize>>,
    acknowledged: usize,
    syncs: usize,
}

impl Order {
    fn take(&mut self, event: &Event) -> Result<(), String> {
        match (event.call.as_str(), event.result) {
            ("fdatasync" | "fsync", None) => {
                self.covered.insert(event.thread.clone(), self.written.len());
            }
            ("fdatasync" | "fsync", Some(0)) => return self.is_synced(event),
            ("pwrite64" | "pwritev" | "pwritev2", Some(1..)) => {
                let log = &event.descriptor;
                self.written.extend(numbers(&event.args).map(|number| (log.clone(), number)));
            }
            ("read" | "readv" | "recvfrom" | "recvmsg", Some(1..)) => {
                let asked = self.asked.entry(event.descriptor.clone()).or_default();
                asked.extend(numbers(&event.args));
            }
            ("write" | "writev" | "sendto" | "sendmsg", None) => {
                let count = event.args.matches("+OK\\r\\n").count();
                return (0..count).try_for_each(|_| self.is_acknowledged(&event.descriptor));
            }
            _ => {}
        }
        Ok(())
    }

    fn is_synced(&mut self, event: &Event) -> Result<(), String> {
        let covered = self.covered.remove(&event.thread).unwrap_or_default();
        let other = self.written[self.synced.min(covered)..covered]
            .iter()
            .find(|(log, _)| *log != event.descriptor);
        if let Some(other) = other {
            return Err(format!("another file than the log was synced: {event:?}, {other:?}"));
        }
        self.synced = self.synced.max(covered);
        self.syncs += 1;
        Ok(())
    }

    fn is_acknowledged(&mut self, client: &str) -> Result<(), String> {
        let asked = self.asked.get_mut(client).and_then(VecDeque::pop_front);
        let number = asked.ok_or("an answer to nobody's question")?;
        if !self.written[..self.synced].iter().any(|(_, written)| *written == number) {
            return Err(format!(
                "<{number:06}> was acknowledged before an fdatasync of it had ended"
            ));
        }
        self.acknowledged += 1;
        Ok(())
    }
}

/// The test of the test: a trace in which the answer goes out too early.
#[test]
fn an_early_acknowledgement_is_found() {
    let trace = |sync: &str, send: &str| {
        format!(
            "7 recvfrom(9, \"SET <000001>\", 1024, 0, NULL, NULL) = 27\n\
             8 pwrite64(5, \"<000001>\", 8, 32 <unfinished ...>\n\
             8 <... pwrite64 resumed>) = 8\n{sync}\n{send}\n"
        )
    };
    let begun = "8 fdatasync(5 <unfinished ...>";
    let done = "8 <... fdatasync resumed>) = 0";
    let send = "7 sendto(9, \"+OK\\r\\n\", 5, 0, NULL, 0) = 5";
    let good = trace(&format!("{begun}\n{done}"), send);
    let early = trace(&format!("{begun}\n{send}"), done);
    let other = trace("8 fdatasync(6) = 0", send);
    let failed = trace("8 fdatasync(5) = -1 EIO (Input/output error)", send);
    let passes = |trace: &str| {
        let mut order = Order::default();
        events(trace).iter().try_for_each(|event| order.take(event)).is_ok()
    };
    assert!(passes(&good));
    for bad in [early, other, failed] {
        assert!(!passes(&bad), "{bad}");
    }
}
