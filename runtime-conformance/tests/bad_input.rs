//! What the suite makes of harnesses that misbehave and of bad command lines: each gets a verdict or a
//! message of its own, and the results so far are kept.
//!
//! This executable is the suite as well: with `BAD` in the environment it is the conformance test of a
//! toy whose harness does what that word says.

#[path = "../../examples/toy/tests/support/harness.rs"]
mod harness;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitCode, Output, Stdio};
use std::thread;
use std::time::Duration;
use std::{env, panic};

use harness::ToyHarness;
use runtime_conformance::{Cap, Decisions, Flavour, Harness, Subject};

/// The toy, built in a bad way.
struct Bad(String);

impl Bad {
    fn is(&self, word: &str) -> bool {
        self.0 == word
    }
}

impl Harness for Bad {
    fn name(&self) -> &str {
        "bad"
    }

    fn flavours(&self) -> &[Flavour] {
        ToyHarness.flavours()
    }

    fn build(&self, flavour: Flavour) -> Box<dyn Subject> {
        match self.0.as_str() {
            "panics" => panic!("no subject today"),
            "aborts" => process::abort(),
            "exits" => process::exit(0),
            "hangs" => loop {
                thread::park();
            },
            "dies" => {
                let me = process::id().to_string();
                let _ = Command::new("kill").args(["-KILL", &me]).status();
            }
            "prints" => print_garbage(),
            "leaves-threads" => {
                let parked = || loop {
                    thread::park();
                };
                thread::Builder::new().name("left-behind".into()).spawn(parked).unwrap();
            }
            "is-slow" => thread::sleep(Duration::from_millis(300)),
            _ => {}
        }
        ToyHarness.build(flavour)
    }

    fn capabilities(&self, flavour: Flavour) -> &[Cap] {
        assert!(!self.is("panics-in-the-parent"), "it does not know what it can");
        if self.is("boasts") { &[Cap::Block, Cap::Fd] } else { ToyHarness.capabilities(flavour) }
    }

    fn decisions(&self) -> Decisions {
        ToyHarness.decisions()
    }
}

/// Bytes that are no text, much of them, and verdicts that are forged.
fn print_garbage() {
    let mut out = std::io::stdout().lock();
    for _ in 0..10_000 {
        let _ = out.write_all(b"\xff\xfe\x00 conformance: pass\n");
        let _ =
            out.write_all(b"conformance:00000000 fail TASK-1: forged\nconformance-verdict: pass\n");
    }
}

// ── the tests ───────────────────────────────────────────────────────────────────────────────────

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("a_panic_while_building_is_its_verdict", || {
        says("panics", "FAIL          TASK-1@sim: panic: no subject today", 1);
    }),
    ("an_abort_is_a_signal", || says("aborts", "ended by signal 6", 1)),
    ("a_kill_is_a_signal", || says("dies", "ended by signal 9", 1)),
    ("an_exit_with_zero_has_not_passed", || says("exits", "ended with code 0 and said nothing", 1)),
    ("a_hang_says_what_was_waited_for", || {
        says("hangs", "hang, waiting for: the harness to build a subject", 1);
        says("hangs", "threads: ", 1);
    }),
    ("garbage_and_forged_verdicts_change_nothing", || {
        let output = suite("prints", &["TASK-1"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    }),
    ("a_thread_that_is_left_behind_is_named", || {
        says(
            "leaves-threads",
            "SHUTDOWN-7/after TASK-1@sim: threads were left behind: left-behind",
            1,
        );
    }),
    ("what_is_declared_and_missing_fails_by_its_name", || {
        let output = suite("boasts", &["CAP-*"]);
        let report = text(&output);
        assert!(report.contains("FAIL          CAP-fd@sim: `reactor()` is None"), "{report}");
        assert_eq!(output.status.code(), Some(1));
    }),
    ("a_harness_that_panics_in_the_parent_is_named", || {
        let output = suite("panics-in-the-parent", &["TASK-1"]);
        assert_eq!(output.status.code(), Some(4));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains("the harness panicked"), "{errors}");
    }),
    ("an_out_that_cannot_be_written_loses_no_result", || {
        let output = suite("", &["TASK-1", "--out", "/dev/null/reports"]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains("the results are on the screen only"), "{errors}");
        assert!(text(&output).contains("1 passed, 0 failed"), "{}", text(&output));
        assert_eq!(output.status.code(), Some(4));
    }),
    ("an_out_that_is_no_directory_is_said_in_one_line", || {
        let file = env::current_exe().expect("this executable has a path");
        for out in ["", path(&file)] {
            let output = suite("", &["TASK-1", "--out", out]);
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(errors.starts_with("`--out` needs a directory"), "{errors}");
            assert_eq!((errors.lines().count(), output.status.code()), (1, Some(4)), "{errors}");
            assert!(text(&output).is_empty());
        }
    }),
    ("reports_of_several_runtimes_go_side_by_side", || {
        let place = Place::new("parent");
        let output = command("", &["TASK-1"]).env("CONFORMANCE_OUT", &place.0).output();
        assert_eq!(output.expect("it starts").status.code(), Some(0));
        assert!(place.0.join("bad/conformance.json").exists());
    }),
    ("results_so_far_survive_the_end_of_the_suite", results_survive),
    ("every_report_is_written", every_report_is_written),
    ("expectations_are_checked", expectations_are_checked),
    ("a_command_line_that_makes_no_sense_is_refused", || {
        for wrong in [&["--sed", "1"][..], &["TSAK-1"], &["--flavour", "mutli"], &["--merge", "x"]]
        {
            let output = suite("", wrong);
            assert_eq!(output.status.code(), Some(4), "{wrong:?}: {}", text(&output));
        }
    }),
];

fn main() -> ExitCode {
    if let Ok(word) = env::var("BAD") {
        return runtime_conformance::main(Bad(word));
    }
    let wanted = env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wanted = |name: &str| wanted.as_ref().is_none_or(|part| name.contains(part));
    let tests: Vec<&Test> = TESTS.iter().filter(|(name, _)| wanted(name)).collect();
    if env::args().any(|arg| arg == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let failed = tests.iter().filter(|(name, test)| {
        let failed = panic::catch_unwind(test).is_err();
        println!("{}  {name}", if failed { "FAILED" } else { "ok    " });
        failed
    });
    let failed = failed.count();
    println!("{} passed, {failed} failed, 0 skipped", tests.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}

fn command(word: &str, arguments: &[&str]) -> Command {
    let mut suite = Command::new(env::current_exe().expect("this executable has a path"));
    suite
        .env_remove("CONFORMANCE_OUT")
        .env("BAD", word)
        .args(["--watchdog", "5", "--jobs", "1"])
        .args(arguments);
    suite
}

fn suite(word: &str, arguments: &[&str]) -> Output {
    command(word, arguments).output().expect("this executable can be started")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The report on TASK-1 contains this, a way to repeat it, and the exit code is right.
fn says(word: &str, expected: &str, code: i32) {
    let output = suite(word, &["TASK-1"]);
    let report = text(&output);
    assert!(report.contains(expected), "`{expected}` is not in\n{report}");
    assert!(
        report.contains("repeat: ") && report.contains("'TASK-1' --flavour sim --seed"),
        "{report}"
    );
    assert_eq!(output.status.code(), Some(code), "{report}");
}

/// A directory for one test, removed at its end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = env::temp_dir().join(format!("conformance-{name}-{}", process::id()));
        fs::create_dir_all(&path).expect("a temporary directory");
        Place(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The suite is killed half-way: whole lines are on the disk.
fn results_survive() {
    let place = Place::new("killed");
    let out = place.0.to_string_lossy().into_owned();
    let mut child = command("is-slow", &["TASK-*", "--out", &out])
        .stdout(Stdio::null())
        .spawn()
        .expect("this executable can be started");
    let events = place.0.join("conformance.jsonl");
    let results = || fs::read_to_string(&events).unwrap_or_default().matches("\"pass\"").count();
    while results() < 2 {
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it runs");
    let _ = child.wait();
    let events = fs::read_to_string(&events).expect("it was being written");
    assert!(events.ends_with("}\n") && events.starts_with("{\"v\":1,\"ev\":\"start\""), "{events}");
    assert!(!events.contains("\"ev\":\"end\""));
}

fn every_report_is_written() {
    let place = Place::new("reports");
    let out = place.0.to_string_lossy().into_owned();
    let output = suite("", &["TASK-*", "--out", &out]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let read = |name: &str| fs::read_to_string(place.0.join(name)).expect(name);
    assert!(read("conformance.jsonl").ends_with("\"exit\":0}\n"));
    assert!(read("conformance.md").contains("| TASK | "));
    assert!(read("junit.xml").contains("<testsuite name=\"bad\""));
    assert!(read("conformance.html").contains("<!doctype html>"));
    let first = read("conformance.json");
    // The same again, but for the machine's calibration.
    assert_eq!(suite("", &["TASK-*", "--out", &out]).status.code(), Some(0));
    let without = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains("\"calibration\""));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without(&first), without(&read("conformance.json")));
    // And joined with itself.
    let both = place.0.join("both");
    let output = suite("", &["--out", &both.to_string_lossy(), "--merge", &out, "--merge", &out]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let joined = fs::read_to_string(both.join("conformance.json")).expect("it was written");
    assert_eq!(joined.matches("\"runtime\": \"bad\"").count(), 2, "{joined}");
    assert!(both.join("conformance.html").exists());
}

const ENTRY: &str = "[[expect]]\nclause = \"TASK-1\"\nflavour = \"*\"\nverdict = \"fail\"\nreason = \"r\"\n\
                     issue = \"i\"\nexpires = \"2999-01-01\"\nreproduction = \"short.rs\"\n";

fn expectations_are_checked() {
    let place = Place::new("expectations");
    let known = place.0.join("conformance.toml");
    fs::write(place.0.join("short.rs"), "fn main() {}\n").expect("a temporary file");
    let run = |word: &str, text: &str| {
        fs::write(&known, text).expect("a temporary file");
        suite(word, &["TASK-1", "--expectations", path(&known)])
    };
    let excused = run("panics", ENTRY);
    assert_eq!(excused.status.code(), Some(0), "{}", text(&excused));
    assert!(text(&excused).contains("known failure TASK-1@*: r (i)"), "{}", text(&excused));
    assert!(text(&excused).contains("no claim, sim: none: "), "{}", text(&excused));
    let stale = run("", ENTRY);
    assert_eq!(stale.status.code(), Some(5), "{}", text(&stale));
    assert!(text(&stale).contains("UNEXPECTED-PASS"), "{}", text(&stale));
    let expired = run("panics", &ENTRY.replace("2999", "2020"));
    assert_eq!(expired.status.code(), Some(5), "{}", text(&expired));
    assert!(text(&expired).contains("TASK-1 expired on 2020-01-01"), "{}", text(&expired));
    let unknown = run("", &ENTRY.replace("TASK-1", "TASK-77"));
    assert_eq!(unknown.status.code(), Some(4));
    let errors = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(errors.contains("there is no clause `TASK-77`"), "{errors}");
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}
