//! Sums what test programs say about themselves.
//!
//! Two forms of closing line are understood, both only at the start of a line:
//! libtest's `test result: …` and the plain `N passed, N failed, N skipped` of
//! test programs that bring their own harness.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed, failed and did not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    /// One failure, for a step that fails without a failing test of its own.
    pub(crate) const FAILURE: Tally = Tally { passed: 0, failed: 1, skipped: 0 };

    /// The counts of a closing line; `None` for every other line.
    pub(crate) fn of_line(line: &str) -> Option<Tally> {
        let line = line.trim_end();
        of_libtest(line).or_else(|| of_plain(line))
    }

    /// True if nothing failed and nothing was left out.
    pub(crate) fn is_green(self) -> bool {
        self.failed == 0 && self.skipped == 0
    }
}

/// The words with which the suite and its mutants begin a line about what is wrong.
const OUR_TROUBLE: [&str; 10] = [
    "FAIL",
    "FLAKY-FAIL",
    "INCONCLUSIVE",
    "BROKEN",
    "UNEXPECTED-PASS",
    "FOREIGN",
    "MISSED",
    "UNUSED",
    "SURVIVED",
    "ALARM",
];

/// The line of a single test that failed or did not run, as libtest, the conformance suite
/// (`FAIL  WAKE-2@current: …`) or its mutants (`SURVIVED M-WAKE-1 …`) print it.
fn is_trouble(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_ours = second.contains('@') || second.starts_with("M-");
    if is_ours && OUR_TROUBLE.contains(&first) && line.starts_with(first) {
        return true;
    }
    let verdict = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "));
    verdict.is_some_and(|(_, verdict)| verdict == "FAILED" || verdict.starts_with("ignored"))
}

/// What cargo says about a test program that failed; the answer is the program.
fn failed_program(line: &str) -> Option<&str> {
    let words = line.strip_prefix("error: ")?;
    let rest = words.strip_prefix("doctest").or_else(|| words.strip_prefix("test"))?;
    rest.strip_prefix(" failed, to rerun pass `")?.strip_suffix('`')
}

/// What one `cargo test` printed, as far as it counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    closing: Tally,
    /// Closing lines that admit a failure.
    admitted: u64,
    /// Programs that failed, according to cargo.
    programs: u64,
    /// Single tests and programs that did not pass, to be listed at the end.
    pub(crate) trouble: Vec<String>,
}

impl Heard {
    /// Takes notice of a line, from either output.
    pub(crate) fn line(&mut self, line: &str) {
        if let Some(tally) = Tally::of_line(line) {
            self.closing += tally;
            self.admitted += u64::from(tally.failed > 0);
        }
        if is_trouble(line) {
            self.trouble.push(line.to_owned());
        }
        if let Some(program) = failed_program(line) {
            self.programs += 1;
            self.trouble.push(format!("cargo test {program} ... FAILED"));
        }
    }

    /// The sum. A program that failed and does not say so, for example because it was
    /// killed, counts as one failure.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = self.closing;
        tally.failed += self.programs.saturating_sub(self.admitted);
        tally
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`
fn of_libtest(line: &str) -> Option<Tally> {
    let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut fields = counts.split("; ");
    Some(Tally {
        passed: count(fields.next()?, "passed")?,
        failed: count(fields.next()?, "failed")?,
        skipped: count(fields.next()?, "ignored")?,
    })
}

/// `3 passed, 0 failed, 1 skipped`, and nothing else on the line.
fn of_plain(line: &str) -> Option<Tally> {
    let mut fields = line.split(", ");
    let tally = Tally {
        passed: count(fields.next()?, "passed")?,
        failed: count(fields.next()?, "failed")?,
        skipped: count(fields.next()?, "skipped")?,
    };
    fields.next().is_none().then_some(tally)
}

/// The number of `3 passed` if the word is the expected one.
fn count(field: &str, word: &str) -> Option<u64> {
    let (number, found) = field.split_once(' ')?;
    if found == word { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(output: &str) -> Tally {
        let mut sum = Tally::default();
        output.lines().filter_map(Tally::of_line).for_each(|tally| sum += tally);
        sum
    }

    #[test]
    fn libtest_lines_are_summed_over_programs() {
        let output = "\
running 2 tests
test a ... ok
test b ... ignored
test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.20s
";
        assert_eq!(sum(output), Tally { passed: 5, failed: 2, skipped: 1 });
    }

    #[test]
    fn plain_lines_of_other_harnesses_count_too() {
        assert_eq!(
            sum("x\n12 passed, 1 failed, 3 skipped\n"),
            Tally { passed: 12, failed: 1, skipped: 3 }
        );
    }

    #[test]
    fn lines_that_only_look_alike_do_not_count() {
        for line in [
            "  12 passed, 0 failed, 0 skipped",
            "12 passed, 0 failed, 0 skipped, 1 flaky",
            "12 passed, 0 failed",
            "twelve passed, 0 failed, 0 skipped",
            "note: test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured",
            "test result: unknown",
            "",
        ] {
            assert_eq!(Tally::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn trouble_is_what_failed_or_did_not_run() {
        assert!(is_trouble("test a::b ... FAILED"));
        assert!(is_trouble("test a::b ... ignored"));
        assert!(is_trouble("test a::b - should panic ... ignored, needs a network"));
        assert!(!is_trouble("test a::b ... ok"));
        assert!(is_trouble("FAIL          WAKE-2/in-the-poll@current: hang"));
        assert!(is_trouble("FLAKY-FAIL    WAKE-2@multi2 2/5: late"));
        assert!(is_trouble("SURVIVED M-TASK-1       default/multi2"));
        assert!(!is_trouble("KNOWN-FAIL    WAKE-2@current: hang"));
        assert!(!is_trouble("        | FAIL a@b"));
        assert!(!is_trouble("FAIL is a word"));
        assert!(!is_trouble("test result: FAILED. 1 passed; 1 failed; 0 ignored"));
    }

    #[test]
    fn programs_that_fail_without_a_word_count_as_one_failure() {
        let mut heard = Heard::default();
        for line in [
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "error: test failed, to rerun pass `-p a --lib`",
            "error: test failed, to rerun pass `-p b --test aborts`",
            "error: 2 targets failed:",
        ] {
            heard.line(line);
        }
        assert_eq!(heard.tally(), Tally { passed: 1, failed: 3, skipped: 0 });
        assert_eq!(heard.trouble[1], "cargo test -p b --test aborts ... FAILED");
    }

    #[test]
    fn a_tally_reads_back_its_own_line() {
        let tally = Tally { passed: 1, failed: 2, skipped: 3 };
        assert_eq!(Tally::of_line(&tally.to_string()), Some(tally));
    }
}
