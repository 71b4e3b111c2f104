//! Tests the suite: each mutant must be failed by its clause, for the right reason, and by no other.
//!
//! A mutant is a toy with one fault. Where the fault is in what the interface keeps to itself (the
//! task cell publishes an outcome after the destructor, scopes are closures), no runtime can have it;
//! such mutants break the calls that the suite makes instead, through the provided methods of
//! [`Subject`].
//!
//! # How it works
//!
//! This executable is the suite as well: with `MUTANT` in the environment it is the conformance test
//! of that mutant, so each mutant is a child, and its cases are grandchildren.

#[path = "support/toy.rs"]
mod toy;

use std::cell::Cell;
use std::env;
use std::future::Future;
use std::pin::Pin;
use std::process::{Command, ExitCode, Output};
use std::task::{Context, Poll};
use std::thread;

use runtime_conformance::{Flavour, Subject};
use runtime_traits::task::JoinHandle;
use runtime_traits::{BlockOnError, Handle};
use toy::{Fault, Owner, ToyHarness};

type Build = fn(Flavour) -> Box<dyn Subject>;

/// A broken runtime and the verdict it must get.
struct Mutant {
    name: &'static str,
    /// The start of every case that may fail; all else must pass.
    clause: &'static str,
    /// What the verdict says.
    says: &'static str,
    build: Build,
}

macro_rules! toy_with {
    ($fault:ident) => {
        |flavour| Box::new(Owner::new(flavour, Some(Fault::$fault)))
    };
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "forgets-tasks",
        clause: "TASK-1@",
        says: "hang: TASK-1: the first poll of 1000 detached tasks",
        build: toy_with!(ForgetsTasks),
    },
    Mutant {
        name: "drops-foreign-wakes",
        clause: "WAKE-2/",
        says: "hang: WAKE-2: the poll after",
        build: toy_with!(DropsForeignWakes),
    },
    Mutant {
        name: "destroys-later",
        clause: "CANCEL-5@",
        says: "before the future's destructor had returned",
        build: |flavour| Box::new(DestroysLater(Owner::new(flavour, None))),
    },
    Mutant {
        name: "leaves-to-none",
        clause: "CTX-3@",
        says: "CTX-3: after the innermost scope no runtime is current instead of toy@",
        build: |flavour| Box::new(LeavesToNone(Owner::new(flavour, None))),
    },
    Mutant {
        name: "keeps-outer-scope",
        clause: "CTX-3/runners@",
        says: "CTX-3: in the root future",
        build: |flavour| Box::new(KeepsOuterScope(Owner::new(flavour, None))),
    },
    Mutant {
        name: "rounds-down",
        clause: "TIME-1@",
        says: "timers were early",
        build: toy_with!(RoundsDown),
    },
    Mutant {
        name: "starts-late",
        clause: "TIME-1/lazy-start@",
        says: "after its deadline, a timer was not ready",
        build: toy_with!(StartsLate),
    },
    Mutant {
        name: "takes-tasks-after-the-end",
        clause: "SHUTDOWN-3",
        says: "hang: SHUTDOWN-3: the handle of a task after shutdown",
        build: toy_with!(TakesTasksAfterTheEnd),
    },
];

/// Ways for a whole process to end, and what the report makes of them.
const ENDINGS: &[(&str, Build, &str)] = &[
    ("panics", |_| panic!("no subject today"), "panic: no subject today"),
    #[cfg(unix)]
    ("aborts", |_| std::process::abort(), "signal 6"),
    ("exits", |_| std::process::exit(0), "exit code 0 without a verdict"),
    (
        "hangs",
        |_| loop {
            thread::park()
        },
        "hang: ",
    ),
];

/// Long enough for a clause that holds on a busy machine, short enough for those that hang.
const WATCHDOG: &str = "10";

// ── faults that no runtime can have ─────────────────────────────────────────────────────────────

/// Breaks CANCEL-5: futures are dropped by a helper thread, behind the task's back.
struct DestroysLater(Owner);

/// Hands its future to another thread instead of dropping it.
struct Later(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Future for Later {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().expect("emptied by the destructor only").as_mut().poll(cx)
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        let future = self.0.take();
        thread::spawn(move || drop(future));
    }
}

impl Subject for DestroysLater {
    fn handle(&self) -> Handle {
        self.0.handle()
    }

    fn shutdown(self: Box<Self>) {
        Box::new(self.0).shutdown();
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> JoinHandle<()> {
        self.handle().spawn(Later(Some(future)))
    }
}

/// Breaks CTX-3: after a scope inside another, nothing is current.
struct LeavesToNone(Owner);

thread_local! {
    /// How many scopes are open, and whether one within them was left.
    static SCOPES: Cell<(usize, bool)> = const { Cell::new((0, false)) };
}

impl Subject for LeavesToNone {
    fn handle(&self) -> Handle {
        self.0.handle()
    }

    fn shutdown(self: Box<Self>) {
        Box::new(self.0).shutdown();
    }

    fn enter(&self, body: &mut dyn FnMut()) {
        let (open, _) = SCOPES.get();
        SCOPES.set((open + 1, false));
        self.handle().enter(body);
        SCOPES.set((open, open > 0));
    }

    fn current(&self) -> Option<Handle> {
        let (_, lost) = SCOPES.get();
        if lost { None } else { Handle::try_current().ok() }
    }
}

/// Breaks CTX-3: `block_on` inside another runtime's scope leaves that one current.
struct KeepsOuterScope(Owner);

impl Subject for KeepsOuterScope {
    fn handle(&self) -> Handle {
        self.0.handle()
    }

    fn shutdown(self: Box<Self>) {
        Box::new(self.0).shutdown();
    }

    fn block_on(&self, main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), BlockOnError> {
        match Handle::try_current() {
            Ok(outer) => self.handle().block_on(outer.wrap(main)),
            Err(_) => self.handle().block_on(main),
        }
    }
}

// ── the test ────────────────────────────────────────────────────────────────────────────────────

fn main() -> ExitCode {
    if let Ok(name) = env::var("MUTANT") {
        return runtime_conformance::main(ToyHarness::new(build_of(&name)));
    }
    let wanted = env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wanted = |name: &str| wanted.as_ref().is_none_or(|part| name.contains(part));
    let mutants = MUTANTS.iter().map(|mutant| -> Judge { (mutant.name, judge_mutant) });
    let endings = ENDINGS.iter().map(|ending| -> Judge { (ending.0, judge_ending) });
    let judge: Vec<Judge> = mutants.chain(endings).filter(|(name, _)| wanted(name)).collect();
    if env::args().any(|arg| arg == "--list") {
        judge.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    // All at once: most of the time is spent waiting for what never comes.
    let wrong = thread::scope(|scope| {
        let start = |&(name, judge): &Judge| scope.spawn(move || report(name, judge(name)));
        let running: Vec<_> = judge.iter().map(start).collect();
        running
            .into_iter()
            .map(|judge| judge.join())
            .filter(|right| !matches!(right, Ok(true)))
            .count()
    });
    println!("{} of {} mutants got the right verdict", judge.len() - wrong, judge.len());
    ExitCode::from(u8::from(wrong > 0))
}

/// A name, and what says whether its verdict is right.
type Judge = (&'static str, fn(&str) -> Result<(), String>);

fn report(name: &str, judged: Result<(), String>) -> bool {
    match &judged {
        Ok(()) => println!("ok      {name}"),
        Err(why) => println!("WRONG   {name}: {why}"),
    }
    judged.is_ok()
}

fn build_of(name: &str) -> Build {
    let mutants = MUTANTS.iter().map(|mutant| (mutant.name, mutant.build));
    let mut all = mutants.chain(ENDINGS.iter().map(|ending| (ending.0, ending.1)));
    all.find(|(known, _)| *known == name).expect("a name of the tables above").1
}

/// Runs the suite, or the part that `cases` names, on a mutant.
fn suite_on(name: &str, cases: &[&str]) -> Output {
    let exe = env::current_exe().expect("this executable has a path");
    let mut suite = Command::new(exe);
    suite.env("MUTANT", name).args(["--flavour", "current", "--watchdog", WATCHDOG]).args(cases);
    suite.output().expect("this executable can be started")
}

/// The mutant fails its clause, as it should, and nothing else.
fn judge_mutant(name: &str) -> Result<(), String> {
    let mutant = MUTANTS.iter().find(|mutant| mutant.name == name).expect("a name of the table");
    let output = suite_on(name, &[]);
    let report = String::from_utf8_lossy(&output.stdout);
    let failed: Vec<_> = report.lines().filter_map(|line| line.strip_prefix("FAIL")).collect();
    let failed: Vec<_> = failed.into_iter().map(str::trim_start).collect();
    let foreign = failed.iter().find(|line| !line.starts_with(mutant.clause));
    match foreign {
        Some(line) => Err(format!("it failed another clause: {line}")),
        None if failed.is_empty() => Err(format!("it survived:\n{report}")),
        None if output.status.code() != Some(1) => Err(format!("it ended with {}", output.status)),
        None if !failed.iter().all(|line| line.contains(mutant.says)) => {
            Err(format!("it failed for another reason: {failed:?}"))
        }
        None if !failed.iter().all(|line| line.contains("[repeat: ")) => {
            Err(format!("there is no command to repeat it: {failed:?}"))
        }
        None if !report
            .contains("skip    SHUTDOWN-3/blocking@current: no blocking, as declared\n") =>
        {
            Err(format!("what it is declared to lack was not skipped:\n{report}"))
        }
        None => Ok(()),
    }
}

/// The report names the way the process ended.
fn judge_ending(name: &str) -> Result<(), String> {
    let (.., says) = ENDINGS.iter().find(|ending| ending.0 == name).expect("a name of the table");
    let output = suite_on(name, &["TASK-1"]);
    let report = String::from_utf8_lossy(&output.stdout);
    let right = report.starts_with(&format!("FAIL    TASK-1@current: {says}"))
        && report.ends_with("\n0 passed, 1 failed, 0 skipped\n")
        && output.status.code() == Some(1);
    if right { Ok(()) } else { Err(format!("{}:\n{report}", output.status)) }
}
