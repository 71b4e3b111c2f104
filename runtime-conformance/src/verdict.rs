//! What came of a case, and of all of them.

use std::fmt;

use crate::contract::Level;

/// The judgement on a case, or on a clause. The worse one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verdict {
    /// The clause holds, as far as this test can tell.
    Pass,
    /// A capability that it needs is not declared.
    Skip,
    /// There is no test.
    Untested,
    /// It fails, as the expectations say.
    KnownFail,
    /// The run shows nothing: what was to be met was not met, or the machine was too noisy.
    Inconclusive,
    /// It should fail, say the expectations, and it does not.
    UnexpectedPass,
    /// The test could not be set up.
    Broken,
    /// It fails with some seeds and not with others.
    FlakyFail,
    /// The clause does not hold.
    Fail,
}

impl Verdict {
    /// All of them, the best first.
    pub(crate) const ALL: &'static [Verdict] = &[
        Verdict::Pass,
        Verdict::Skip,
        Verdict::Untested,
        Verdict::KnownFail,
        Verdict::Inconclusive,
        Verdict::UnexpectedPass,
        Verdict::Broken,
        Verdict::FlakyFail,
        Verdict::Fail,
    ];

    /// As reports write it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Skip => "skip",
            Verdict::Untested => "untested",
            Verdict::KnownFail => "known-fail",
            Verdict::Inconclusive => "inconclusive",
            Verdict::UnexpectedPass => "unexpected-pass",
            Verdict::Broken => "broken",
            Verdict::FlakyFail => "flaky-fail",
            Verdict::Fail => "fail",
        }
    }

    /// The verdict of this word.
    pub(crate) fn named(word: &str) -> Option<Verdict> {
        Verdict::ALL.iter().copied().find(|verdict| verdict.word() == word)
    }

    /// Whether the clause was seen not to hold.
    pub(crate) fn is_failure(self) -> bool {
        matches!(self, Verdict::Fail | Verdict::FlakyFail)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A clause's verdict on a flavour, out of those of its cases: failures count most, then what could
/// not be judged; what was skipped counts only if nothing else is there.
pub(crate) fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let (asked, skipped): (Vec<_>, Vec<_>) =
        verdicts.into_iter().partition(|verdict| *verdict != Verdict::Skip);
    asked.into_iter().max().or(skipped.into_iter().max()).unwrap_or(Verdict::Untested)
}

/// The exit code of a run.
///
/// | code | means |
/// |---|---|
/// | 0 | nothing below holds |
/// | 1 | a MUST failed, also if not with every seed |
/// | 2 | only SHOULDs failed, and `--strict` was given |
/// | 3 | nothing failed, and a MUST is inconclusive |
/// | 4 | a case could not be set up, or the command line is wrong |
/// | 5 | an expectation is out of date: it expired, or what it excuses passes |
pub(crate) fn exit_code(
    results: impl IntoIterator<Item = (Level, Verdict)>,
    stale: bool,
    strict: bool,
) -> u8 {
    let results: Vec<_> = results.into_iter().collect();
    let any = |level: Option<Level>, asked: fn(Verdict) -> bool| {
        results.iter().any(|(l, verdict)| level.is_none_or(|level| level == *l) && asked(*verdict))
    };
    let must = Some(Level::Must);
    match () {
        () if any(must, Verdict::is_failure) => 1,
        () if any(None, |verdict| verdict == Verdict::Broken) => 4,
        () if stale || any(None, |verdict| verdict == Verdict::UnexpectedPass) => 5,
        () if strict && any(None, Verdict::is_failure) => 2,
        () if any(must, |verdict| verdict == Verdict::Inconclusive) => 3,
        () => 0,
    }
}

/// Whether one result alone would make the run fail: the exit code is not 0 because of it.
pub(crate) fn spoils(level: Level, verdict: Verdict, strict: bool) -> bool {
    exit_code([(level, verdict)], false, strict) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Must, Should};
    use Verdict::*;

    #[test]
    fn words_lead_back() {
        assert!(
            Verdict::ALL.iter().all(|&verdict| Verdict::named(verdict.word()) == Some(verdict))
        );
        assert!(Verdict::ALL.is_sorted());
    }

    #[test]
    fn a_clause_is_as_bad_as_its_worst_case() {
        assert_eq!(worst([Pass, Skip]), Pass);
        assert_eq!(worst([Skip, Skip]), Skip);
        assert_eq!(worst([Pass, Inconclusive, Pass]), Inconclusive);
        assert_eq!(worst([Broken, FlakyFail, Fail]), Fail);
        assert_eq!(worst([]), Untested);
    }

    #[test]
    fn exit_codes_are_those_of_the_table() {
        let code = |results: &[(Level, Verdict)]| exit_code(results.iter().copied(), false, false);
        assert_eq!(code(&[(Must, Pass), (Must, Skip), (Must, Untested), (Must, KnownFail)]), 0);
        assert_eq!(code(&[(Must, Broken), (Must, FlakyFail)]), 1);
        assert_eq!(code(&[(Should, Fail)]), 0);
        assert_eq!(exit_code([(Should, Fail), (Must, Inconclusive)], false, true), 2);
        assert_eq!(code(&[(Should, Fail), (Must, Inconclusive), (Should, Pass)]), 3);
        assert_eq!(code(&[(Should, Inconclusive)]), 0);
        assert_eq!(code(&[(Should, Broken), (Must, Inconclusive)]), 4);
        assert_eq!(code(&[(Must, UnexpectedPass)]), 5);
        assert_eq!(exit_code([(Must, Pass)], true, false), 5);
    }

    #[test]
    fn a_result_counts_as_failed_if_the_run_fails_by_it() {
        assert!(spoils(Must, Inconclusive, false) && spoils(Should, Broken, false));
        assert!(spoils(Should, UnexpectedPass, false));
        assert!(!spoils(Should, Fail, false) && spoils(Should, Fail, true));
        assert!(!spoils(Should, Inconclusive, false) && !spoils(Must, KnownFail, false));
    }
}
