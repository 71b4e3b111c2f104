//! From one or more runs of a case to a verdict.
//!
//! A deterministic failure is a failure. A stochastic one is looked at again, twice with the same seed
//! and twice with new ones: if some of the five hold it is *flaky*, with the seed that failed. A
//! stochastic run that showed nothing is tried with two more seeds before it counts as inconclusive.

use super::args::Args;
use super::child::{self, End, Limits, Ran};
use super::{case_name, repeat};
use crate::Flavour;
use crate::case::{Case, Evidence};
use crate::contract::{self, Clause, Level};
use crate::outcome::Outcome;
use crate::toolbox::Random;
use crate::verdict::Verdict;

/// How many other seeds an inconclusive run is tried with.
const SEEDS_MORE: u64 = 2;

/// One line of the report, and what the child wrote.
pub(super) type Judged = (Outcome, String);

/// Runs a case as often as it takes; the verdict on it first, then what else was seen.
pub(super) fn judge(case: &Case, flavour: Flavour, args: &Args, limits: &Limits) -> Vec<Judged> {
    let name = case_name(case, flavour);
    let run = |seed: u64| (seed, child::run(&name, seed, limits));
    let mut runs = vec![run(args.seed)];
    let other_seeds = other_seeds(args.seed);
    runs.extend(other_seeds.clone().take(args.repeat as usize - 1).map(run));
    if case.evidence == Evidence::Stochastic && !args.once {
        if runs.iter().any(|(_, ran)| ran.end.is_failure()) {
            runs.extend([args.seed, args.seed].map(run));
            runs.extend(other_seeds.skip(args.repeat as usize - 1).take(2).map(run));
        } else if runs.iter().all(|(_, ran)| matches!(ran.end, End::Inconclusive(_))) {
            for seed in other_seeds.take(SEEDS_MORE as usize) {
                runs.push(run(seed));
                if runs.last().is_some_and(|(_, ran)| !matches!(ran.end, End::Inconclusive(_))) {
                    break;
                }
            }
        }
    }
    let mut judged = vec![sum_up(case, flavour, &runs)];
    judged.extend(besides(case, flavour, &runs));
    judged
}

/// Seeds that the first one decides.
fn other_seeds(first: u64) -> impl Iterator<Item = u64> + Clone {
    let mut random = Random::new(first);
    std::iter::repeat_with(move || random.below(u64::from(u32::MAX)))
}

/// The verdict on all runs of one case; what it shows is the worst of them.
fn sum_up(case: &Case, flavour: Flavour, runs: &[(u64, Ran)]) -> Judged {
    let failed = runs.iter().filter(|(_, ran)| ran.end.is_failure()).count();
    let shown = runs.iter().max_by_key(|(_, ran)| ran.end.badness());
    let (seed, ran) = shown.expect("a case is run at least once");
    let verdict = match &ran.end {
        end if end.is_failure() && failed < runs.len() => Verdict::FlakyFail,
        end if end.is_failure() => Verdict::Fail,
        End::Broken(_) => Verdict::Broken,
        // One run that met its witness is enough: the others showed less, not something else.
        End::Inconclusive(_) if !runs.iter().any(|(_, ran)| ran.end == End::Pass) => {
            Verdict::Inconclusive
        }
        _ => Verdict::Pass,
    };
    let outcome = Outcome {
        evidence: case.evidence.word().into(),
        part: case.part.into(),
        verdict,
        attempts: runs.len() as u64,
        failed: failed as u64,
        seed: *seed,
        wall_ms: runs.iter().map(|(_, ran)| ran.wall.as_millis() as u64).sum(),
        end: ran.end.word(),
        threads: ran.threads.clone(),
        witness: ran.witness.clone(),
        expected: case.question().into(),
        observed: if verdict == Verdict::Pass { String::new() } else { ran.end.text(case.id) },
        repro: repeat(case, flavour, *seed),
        fired: runs.iter().map(|(_, ran)| ran.fired).sum(),
        level: case.level(),
        ..blank(case.clause(), flavour)
    };
    (outcome, ran.output.clone())
}

/// Failures of other clauses, which the checks after the case found.
fn besides(case: &Case, flavour: Flavour, runs: &[(u64, Ran)]) -> Vec<Judged> {
    let mut seen: Vec<&str> = Vec::new();
    let mut judged = Vec::new();
    for (seed, ran) in runs {
        for (id, how) in &ran.also {
            let Some(clause) = contract::clause(id) else { continue };
            if seen.contains(&clause.id) {
                continue;
            }
            seen.push(clause.id);
            let outcome = Outcome {
                part: format!("after {}", case.name()),
                evidence: Evidence::Deterministic.word().into(),
                verdict: Verdict::Fail,
                attempts: 1,
                failed: 1,
                seed: *seed,
                end: "left behind".into(),
                expected: clause.rule.into(),
                observed: how.clone(),
                repro: repeat(case, flavour, *seed),
                fired: ran.fired,
                ..blank(clause, flavour)
            };
            judged.push((outcome, String::new()));
        }
    }
    judged
}

/// A case that was not run.
pub(super) fn not_run(
    case: &Case,
    flavour: Flavour,
    seed: u64,
    verdict: Verdict,
    why: String,
) -> Outcome {
    Outcome {
        part: case.part.into(),
        evidence: case.evidence.word().into(),
        verdict,
        seed,
        expected: case.question().into(),
        observed: why,
        level: case.level(),
        ..blank(case.clause(), flavour)
    }
}

/// A clause that has no case.
pub(super) fn untested(clause: &Clause, flavour: Flavour, why: &str) -> Outcome {
    Outcome {
        evidence: "untested".into(),
        verdict: Verdict::Untested,
        expected: clause.rule.into(),
        observed: why.into(),
        ..blank(clause, flavour)
    }
}

fn blank(clause: &Clause, flavour: Flavour) -> Outcome {
    Outcome {
        clause: clause.id.into(),
        part: String::new(),
        flavour: flavour.to_string(),
        level: if clause.level == Level::Must { Level::Must } else { Level::Should },
        severity: clause.severity,
        evidence: String::new(),
        verdict: Verdict::Untested,
        attempts: 0,
        failed: 0,
        seed: 0,
        wall_ms: 0,
        end: String::new(),
        threads: String::new(),
        witness: Vec::new(),
        expected: String::new(),
        observed: String::new(),
        repro: String::new(),
        fired: 0,
    }
}

impl End {
    /// Whether the clause was seen not to hold.
    fn is_failure(&self) -> bool {
        !matches!(self, End::Pass | End::Inconclusive(_) | End::Broken(_))
    }

    fn badness(&self) -> u8 {
        match self {
            End::Pass => 0,
            End::Inconclusive(_) => 1,
            End::Broken(_) => 2,
            _ => 3,
        }
    }

    /// For the report's column *end*.
    fn word(&self) -> String {
        match self {
            End::Pass => "ok".into(),
            End::Assertion(_) => "assertion".into(),
            End::Panic(_) => "panic".into(),
            End::Signal(number) => format!("signal {number}"),
            End::Hang(_) => "hang".into(),
            End::Exit(code) => format!("exit {code}"),
            End::Inconclusive(_) => "inconclusive".into(),
            End::Broken(_) => "broken".into(),
        }
    }

    /// What was seen, in a sentence that needs no clause before it.
    fn text(&self, clause: &str) -> String {
        let own = |text: &str| {
            let rest = text.strip_prefix(clause).and_then(|rest| rest.strip_prefix(": "));
            rest.unwrap_or(text).to_owned()
        };
        match self {
            End::Pass => String::new(),
            End::Assertion(text) => own(text),
            End::Panic(text) => format!("panic: {text}"),
            End::Signal(number) => format!("the process was ended by signal {number}"),
            End::Hang(what) => format!("hang, waiting for: {}", own(what)),
            End::Exit(code) => format!("the process ended with code {code} and said nothing"),
            End::Inconclusive(why) | End::Broken(why) => why.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_case() -> &'static Case {
        crate::clauses::cases().find(|case| case.name() == "TASK-1").expect("it is written")
    }

    fn summed(ends: &[End]) -> Outcome {
        let run = |end: &End| (7, Ran { end: end.clone(), ..Ran::default() });
        sum_up(a_case(), Flavour::Current, &ends.iter().map(run).collect::<Vec<_>>()).0
    }

    #[test]
    fn some_failures_of_many_are_flaky_and_say_how_many() {
        let failure = End::Assertion("TASK-1: no".into());
        let all = summed(&[failure.clone(), failure.clone()]);
        assert_eq!((all.verdict, all.failed, all.attempts), (Verdict::Fail, 2, 2));
        assert_eq!(all.observed, "no");
        let some = summed(&[failure, End::Pass, End::Signal(11), End::Pass, End::Pass]);
        assert_eq!((some.verdict, some.failed, some.attempts), (Verdict::FlakyFail, 2, 5));
    }

    #[test]
    fn a_run_that_met_its_witness_makes_up_for_others() {
        let vacuous = End::Inconclusive("parks: 0, needed 100".into());
        assert_eq!(summed(&[vacuous.clone(), vacuous.clone()]).verdict, Verdict::Inconclusive);
        assert_eq!(summed(&[vacuous, End::Pass]).verdict, Verdict::Pass);
        assert_eq!(summed(&[End::Broken("no /proc".into())]).verdict, Verdict::Broken);
    }

    #[test]
    fn what_the_checks_found_is_another_clauses_line() {
        let also = vec![("LEAK-1".to_owned(), "a probe".to_owned())];
        let ran = Ran { end: End::Pass, also, ..Ran::default() };
        let lines = besides(a_case(), Flavour::Current, &[(1, ran)]);
        assert_eq!(lines[0].0.name(), "LEAK-1/after TASK-1@current");
        assert_eq!(lines[0].0.verdict, Verdict::Fail);
    }

    #[test]
    fn ends_are_said_in_words() {
        assert_eq!(End::Hang("TASK-1: it".into()).text("TASK-1"), "hang, waiting for: it");
        assert_eq!(End::Signal(6).word(), "signal 6");
        assert_eq!(End::Exit(0).text("X"), "the process ended with code 0 and said nothing");
    }
}
