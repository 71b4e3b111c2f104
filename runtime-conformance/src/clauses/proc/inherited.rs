//! PROC-5: what a child starts with.

use std::collections::BTreeMap;
use std::future::Future;
use std::process;

use runtime_traits::process::Command;

use super::waiting_cat;
use crate::Cap;
use crate::rig::Rig;
use crate::rt::Rt;
use crate::usable::a_socket;

/// The number of `SIGPIPE` on Linux.
const PIPE: u32 = 13;

/// PROC-5: a child inherits the descriptors that were meant for it and no others, no blocked signal, and
/// the default for `SIGPIPE`.
///
/// Method: before there is a runtime, a child of std's says what it has: that may be more than three
/// descriptors, since whoever started this process may have left it some. Then a runtime gets what it can
/// have: a socket, a listener, a signal, a child with pipes, a closure's thread. Children that are
/// started by the root, by a task and by a blocking closure must have what the first had, by number,
/// blocked and ignored signals included.
///
/// If this fails, look for a descriptor that is made without `CLOEXEC`, or a thread that blocks signals
/// and starts children.
pub(super) fn proc_5_a_child_inherits_what_was_meant_for_it(rig: &Rig<'_>) {
    let ask = || {
        let mut ask = process::Command::new("sh");
        ask.args(["-c", "cat /proc/self/status; ls -l /proc/self/fd"]);
        ask.stdin(process::Stdio::null()).stderr(process::Stdio::null()).env("LC_ALL", "C");
        ask
    };
    let before = Belongings::read(&rig.setup("asking a child of std's", ask().output()).stdout);
    if before.descriptors.len() < 3 || before.signals.len() < 3 {
        return rig.inconclusive("a child of std's could not say what it has");
    }
    let rt = rig.rt();
    let possessions = acquire(rig, &rt);
    let (in_task, in_closure) = (asks(&rt, ask()), asks(&rt, ask()));
    let of_root = rig.drive(&rt, "PROC-5: a child of the root", rt.handle().wrap(asks(&rt, ask())));
    let task = rt.spawn(in_task);
    let of_task = rig.drive(&rt, "PROC-5: a child of a task", task);
    let of_task = of_task.unwrap_or_else(|error| panic!("PROC-5: a task resolved {error:?}"));
    let mut all = vec![("the root", of_root), ("a task", of_task)];
    if rig.has(Cap::Blk) && rig.has(Cap::Shared) && rig.has(Cap::Block) {
        let inner = rt.clone();
        let closure = rt.spawn_blocking(move || inner.block_on(in_closure));
        let asked = rig.drive(&rt, "PROC-5: a child of a closure", closure);
        let asked = asked.unwrap_or_else(|error| panic!("PROC-5: a closure resolved {error:?}"));
        all.push(("a closure", asked.expect("PROC-5: `block_on` in a closure works")));
    }
    for (who, belongings) in all {
        belongings.compare(&before, who);
    }
    drop(possessions);
    rig.shutdown(rt);
}

/// Things with descriptors, of whatever kind the runtime has.
fn acquire(rig: &Rig<'_>, rt: &Rt) -> Vec<Box<dyn Send>> {
    let mut all: Vec<Box<dyn Send>> = vec![Box::new(waiting_cat(rig, rt, "PROC-5"))];
    if rig.has(Cap::Fd) {
        all.push(Box::new(a_socket(rig, rt)));
    }
    if rig.has(Cap::Sig) {
        all.push(Box::new(crate::clauses::signal::listen(rt, "PROC-5")));
    }
    if rig.has(Cap::Tcp) {
        let bind = runtime_traits::net::TcpListener::bind("127.0.0.1:0");
        let listener = rig.drive(rt, "PROC-5: a listener", rt.handle().wrap(bind));
        all.push(Box::new(rig.setup("a listener", listener)));
    }
    all
}

/// Has a child say what it has.
fn asks(rt: &Rt, ask: process::Command) -> impl Future<Output = Belongings> + Send + use<> {
    let rt = rt.clone();
    async move {
        let child = rt.enter(|| {
            let mut ask = Command::from(ask);
            ask.stdout(process::Stdio::piped()).spawn()
        });
        let child =
            child.unwrap_or_else(|error| panic!("PROC-5: no child could be started: {error}"));
        let said = child.wait_with_output().await;
        let said = said.unwrap_or_else(|error| panic!("PROC-5: a child's output gave {error}"));
        Belongings::read(&said.stdout)
    }
}

/// What a process has.
#[derive(Debug)]
struct Belongings {
    /// By number, what it leads to.
    descriptors: BTreeMap<u32, String>,
    /// By name, a set of signals.
    signals: BTreeMap<String, u64>,
}

impl Belongings {
    /// Reads `/proc/self/status`, and the list of `/proc/self/fd` after it.
    fn read(said: &[u8]) -> Belongings {
        let said = String::from_utf8_lossy(said);
        let descriptors = said.lines().filter_map(|line| {
            let (before, to) = line.split_once(" -> ")?;
            let number = before.rsplit(' ').next()?.parse().ok()?;
            // The list itself is open while it is read.
            (!to.starts_with("/proc/")).then(|| (number, to.to_owned()))
        });
        let signals = said.lines().filter_map(|line| {
            let (name, set) = line.split_once(':')?;
            let set = u64::from_str_radix(set.trim(), 16).ok()?;
            ["SigBlk", "SigIgn", "SigCgt"].contains(&name).then(|| (name.to_owned(), set))
        });
        Belongings { descriptors: descriptors.collect(), signals: signals.collect() }
    }

    /// Fails unless this is what a child of std's had.
    fn compare(&self, before: &Belongings, who: &str) {
        let is_new = |number: &u32| !before.descriptors.contains_key(number);
        let new: Vec<_> = self.descriptors.iter().filter(|(number, _)| is_new(number)).collect();
        assert!(new.is_empty(), "PROC-5: a child that {who} started has inherited {new:?}");
        assert_eq!(self.signals, before.signals, "PROC-5: signals of a child that {who} started");
        let ignored = self.signals.get("SigIgn").copied().unwrap_or_default();
        let ignores_pipe = ignored & (1 << (PIPE - 1)) != 0;
        assert!(!ignores_pipe, "PROC-5: a child that {who} started ignores SIGPIPE");
    }
}
