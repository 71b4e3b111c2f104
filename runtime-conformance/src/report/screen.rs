//! What is printed while a run goes on, and at its end.
//!
//! On a terminal a bar shows how far it is. Elsewhere only what did not pass is printed as it comes.
//! The last line is the sum in the form that scripts read.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use crate::contract::{self, Level};
use crate::expectations::Expectations;
use crate::outcome::Outcome;
use crate::report::page::Totals;
use crate::report::{Header, Page, markdown};
use crate::verdict::{Verdict, spoils};

/// How wide the bar is.
const BAR: usize = 30;

/// The screen.
pub(crate) struct Screen {
    bar: bool,
    done: usize,
    to_do: usize,
    failed: usize,
    begun: Instant,
}

impl Screen {
    pub(crate) fn new(header: &Header, to_do: usize) -> Screen {
        println!("{}", header.title());
        let flavours: Vec<_> = header.flavours.iter().map(|(name, _)| name.as_str()).collect();
        println!(
            "runtime: {} {}   flavours: {}",
            header.runtime,
            header.version,
            flavours.join(", ")
        );
        let bar = io::stdout().is_terminal();
        Screen { bar, done: 0, to_do, failed: 0, begun: Instant::now() }
    }

    /// One more result, and what its child wrote.
    pub(crate) fn add(&mut self, outcome: &Outcome, output: &str) {
        self.done += 1;
        self.failed += usize::from(outcome.verdict.is_failure());
        if !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip | Verdict::Untested) {
            self.clear();
            trouble(outcome, output);
        }
        self.draw(&outcome.name());
    }

    fn clear(&self) {
        if self.bar {
            print!("\r\x1b[K");
        }
    }

    fn draw(&self, name: &str) {
        if !self.bar {
            return;
        }
        let full = BAR * self.done.min(self.to_do) / self.to_do.max(1);
        let (done, empty) = ("█".repeat(full), "░".repeat(BAR - full));
        print!(
            "\r\x1b[K{done}{empty} {}/{}  {} failed  {name}",
            self.done, self.to_do, self.failed
        );
        let _ = io::stdout().flush();
    }

    /// The table, what it means, and the sum.
    pub(crate) fn finish(self, page: &Page, expectations: &Expectations, code: u8, strict: bool) {
        self.clear();
        table(page);
        for expired in &expectations.expired {
            println!("expectation out of date: {expired}");
        }
        for entry in &expectations.entries {
            println!(
                "known failure {}@{}: {} ({})",
                entry.clause, entry.flavour, entry.reason, entry.issue
            );
        }
        for flavour in page.flavours() {
            println!("{flavour}: profile {}", page.standing(flavour).in_full());
        }
        println!(
            "{} (exit {code}, {:.1} s)",
            markdown::claim(page),
            self.begun.elapsed().as_secs_f64()
        );
        sum(page, strict).into_iter().for_each(|line| println!("{line}"));
    }
}

/// The last lines. What did not hold without making the run fail is said and counts as neither.
fn sum(page: &Page, strict: bool) -> Vec<String> {
    let count =
        |asked: &dyn Fn(&Outcome) -> bool| page.outcomes.iter().filter(|o| asked(o)).count();
    let failed = count(&|o| spoils(o.level, o.verdict, strict));
    let passed = count(&|o| matches!(o.verdict, Verdict::Pass | Verdict::KnownFail));
    let not_asked = count(&|o| matches!(o.verdict, Verdict::Skip | Verdict::Untested));
    let borne = page.outcomes.len() - passed - failed - not_asked;
    let mut lines = Vec::new();
    if not_asked > 0 {
        lines.push(format!("{not_asked} not asked: not declared, or without a test"));
    }
    if borne > 0 {
        lines.push(format!("{borne} of a SHOULD that did not hold, or could not be judged"));
    }
    lines.push(format!("{passed} passed, {failed} failed, 0 skipped"));
    lines
}

/// A result that needs to be read.
fn trouble(outcome: &Outcome, output: &str) {
    let name = outcome.name();
    let of = match outcome.verdict {
        Verdict::FlakyFail => format!(" {}/{}", outcome.failed, outcome.attempts),
        _ => String::new(),
    };
    println!("{:<13} {name}{of}: {}", outcome.verdict.word().to_uppercase(), outcome.observed);
    if !outcome.threads.is_empty() {
        println!("        threads: {}", outcome.threads);
    }
    if !outcome.repro.is_empty() {
        println!("        repeat: {}", outcome.repro);
    }
    for line in output.lines().filter(|line| !line.trim().is_empty()) {
        println!("        | {line}");
    }
}

fn table(page: &Page) {
    println!(
        "{:<10} {:>8} {:>8} {:>6} {:>9} {:>9}",
        "group", "MUST", "SHOULD", "skip", "untested", "inconcl"
    );
    for group in contract::groups() {
        let (must, should) =
            (page.totals(Some(group), Level::Must), page.totals(Some(group), Level::Should));
        if must == Totals::default() && should == Totals::default() {
            continue;
        }
        let ratio = |totals: &Totals| match totals.judged() {
            0 => "-".to_owned(),
            judged => format!("{}/{judged}", totals.passed),
        };
        println!(
            "{group:<10} {:>8} {:>8} {:>6} {:>9} {:>9}",
            ratio(&must),
            ratio(&should),
            must.skipped + should.skipped,
            must.untested + should.untested,
            must.inconclusive + should.inconclusive,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::sample;

    #[test]
    fn the_last_line_is_the_sum_and_agrees_with_the_exit_code() {
        let mut page = sample();
        assert_eq!(sum(&page, false).last().unwrap(), "2 passed, 1 failed, 0 skipped");
        page.outcomes.iter_mut().for_each(|outcome| outcome.level = Level::Should);
        let lines = sum(&page, false);
        assert!(lines[1].starts_with("1 of a SHOULD"), "{lines:?}");
        assert_eq!(lines[2], "2 passed, 0 failed, 0 skipped");
        assert_eq!(sum(&page, true).last().unwrap(), "2 passed, 1 failed, 0 skipped");
    }
}
