//! Profiles: sets of capabilities that people mean when they say "it conforms".
//!
//! A flavour reaches a profile if it has the capabilities and if every MUST whose needs are among them
//! was run, all of it, in this run, and held:
//!
//! | of a MUST of the profile | the profile |
//! |---|---|
//! | it held | is reached |
//! | it failed, and is excused | is reached *except* this clause |
//! | it failed, was skipped, is inconclusive or broken | is not reached |
//! | it, or a part of it, was not run: a filter left it out | is not reached |
//! | it has no test and a reason for that, and is of tier B | is reached, and says so |
//! | it has no test otherwise | is not reached |
//!
//! The same holds of what the flavour declares (`CAP-time`), where there is a test of it.
//!
//! Not here: which clauses a run met and how (`report::page`).

use std::fmt;

use crate::Cap;
use crate::contract::{self, Clause, Level, Tier};
use crate::verdict::Verdict;

/// A profile.
#[derive(Debug, PartialEq)]
pub(crate) struct Profile {
    /// For `--profile`.
    pub(crate) name: &'static str,
    /// For reports.
    pub(crate) title: &'static str,
    /// What a runtime declares to reach it.
    pub(crate) caps: &'static [Cap],
}

/// From the smallest to the largest; *sim* stands beside them.
pub(crate) const PROFILES: &[Profile] = &[
    Profile { name: "core", title: "core", caps: &[Cap::Core, Cap::Unwind, Cap::Iso] },
    Profile {
        name: "time",
        title: "core+time",
        caps: &[Cap::Core, Cap::Unwind, Cap::Iso, Cap::Time],
    },
    Profile {
        name: "net",
        title: "net",
        caps: &[Cap::Core, Cap::Unwind, Cap::Iso, Cap::Time, Cap::Fd, Cap::Tcp, Cap::Udp, Cap::Io],
    },
    Profile {
        name: "unix",
        title: "full-unix",
        caps: &[
            Cap::Core,
            Cap::Unwind,
            Cap::Iso,
            Cap::Time,
            Cap::Fd,
            Cap::Tcp,
            Cap::Udp,
            Cap::Io,
            Cap::Block,
            Cap::Local,
            Cap::Blk,
            Cap::Uds,
            Cap::Fs,
            Cap::Proc,
            Cap::Sig,
        ],
    },
    Profile {
        name: "sim",
        title: "sim",
        caps: &[Cap::Core, Cap::Unwind, Cap::Iso, Cap::Time, Cap::Simtime],
    },
];

/// What a run knows about a clause on a flavour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Known {
    /// It has no test, and maybe a reason.
    NoTest { reason: bool },
    /// A filter left out all of it or a part.
    NotRun,
    /// The worst of its cases.
    Run(Verdict),
}

/// How far a flavour has come.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Standing {
    /// The title of the largest profile that is reached.
    pub(crate) profile: Option<&'static str>,
    /// Its clauses that fail and are excused.
    pub(crate) except: Vec<&'static str>,
    /// Its clauses that have no test yet.
    pub(crate) untested: Vec<&'static str>,
    /// What hinders the smallest profile, if none is reached.
    pub(crate) hindered: Vec<String>,
}

/// The standing of a flavour that `has` these capabilities, when this is what is `known` about each
/// clause of a profile.
pub(crate) fn standing(
    has: impl Fn(Cap) -> bool,
    known: impl Fn(&Clause, &Profile) -> Known,
) -> Standing {
    let whole = PROFILES.iter().filter(|profile| profile.caps.iter().all(|cap| has(*cap)));
    let judged: Vec<_> = whole.map(|profile| judge(profile, &known)).collect();
    let size = |standing: &Standing| {
        PROFILES.iter().find(|p| standing.profile == Some(p.title)).map(|p| p.caps.len())
    };
    let reached =
        judged.iter().filter(|standing| standing.profile.is_some()).max_by_key(|s| size(s));
    reached.or(judged.first()).cloned().unwrap_or_default()
}

/// A flavour's standing to one profile.
fn judge(profile: &Profile, known: impl Fn(&Clause, &Profile) -> Known) -> Standing {
    let mut standing = Standing::default();
    let all = contract::clauses().iter().chain(contract::declarations());
    for clause in all.filter(|clause| profile.asks(clause)) {
        match known(clause, profile) {
            Known::Run(Verdict::Pass | Verdict::UnexpectedPass) => {}
            Known::Run(Verdict::KnownFail) => standing.except.push(clause.id),
            Known::NoTest { reason: true } if clause.tier == Tier::B => {
                standing.untested.push(clause.id);
            }
            Known::NoTest { .. } if clause.group() == "CAP" => {} // the clauses that need it say more
            Known::NoTest { .. } => standing.hindered.push(format!("{} has no test", clause.id)),
            Known::NotRun => standing.hindered.push(format!("{} was not run", clause.id)),
            Known::Run(verdict) => standing.hindered.push(format!("{} is {verdict}", clause.id)),
        }
    }
    standing.profile = standing.hindered.is_empty().then_some(profile.title);
    standing
}

impl Profile {
    /// Whether it stands or falls with this clause.
    fn asks(&self, clause: &Clause) -> bool {
        clause.level == Level::Must && self.can(&clause.needs)
    }

    /// Whether these capabilities are among its own.
    pub(crate) fn can(&self, needs: &[Cap]) -> bool {
        needs.iter().all(|need| self.caps.contains(need))
    }
}

impl fmt::Display for Standing {
    /// `net`; `net except BLOCKON-5`; `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.profile.unwrap_or("none"))?;
        match self.except.as_slice() {
            some @ [_, ..] if self.profile.is_some() => write!(f, " except {}", some.join(", ")),
            _ => Ok(()),
        }
    }
}

impl Standing {
    /// The same, and what else should be said: what is untested, or why there is none.
    pub(crate) fn in_full(&self) -> String {
        match (self.profile, self.hindered.as_slice(), self.untested.as_slice()) {
            (Some(_), _, []) => self.to_string(),
            (Some(_), _, untested) => format!("{self} (untested: {})", untested.join(", ")),
            (None, [], _) => self.to_string(),
            (None, [first], _) => format!("{self}: {first}"),
            (None, [first, rest @ ..], _) => format!("{self}: {first}, and {} more", rest.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASS: Known = Known::Run(Verdict::Pass);

    fn core(cap: Cap) -> bool {
        matches!(cap, Cap::Core | Cap::Unwind | Cap::Iso)
    }

    /// The standing in *core* if this is known about `id` and all others hold.
    fn with(id: &str, known: Known) -> Standing {
        assert!(contract::clause(id).is_some());
        standing(core, |clause, _| if clause.id == id { known } else { PASS })
    }

    #[test]
    fn the_largest_profile_that_nothing_hinders_is_reached() {
        let reached = |has: fn(Cap) -> bool, known: fn(&Clause, &Profile) -> Known| {
            standing(has, known).profile
        };
        assert_eq!(reached(core, |_, _| PASS), Some("core"));
        assert_eq!(reached(|_| true, |_, _| PASS), Some("full-unix"));
        let no_sockets = |clause: &Clause, _: &Profile| match clause.needs.contains(&Cap::Fd) {
            true => Known::Run(Verdict::Fail),
            false => PASS,
        };
        assert_eq!(reached(|_| true, no_sockets), Some("sim"));
        assert_eq!(reached(|_| true, |_, _| Known::NotRun), None);
        assert_eq!(reached(|_| false, |_, _| PASS), None);
    }

    #[test]
    fn what_was_not_run_hinders() {
        let standing = with("TASK-1", Known::NotRun);
        assert_eq!(standing.in_full(), "none: TASK-1 was not run");
    }

    #[test]
    fn what_did_not_hold_or_could_not_be_judged_hinders() {
        for verdict in [
            Verdict::Fail,
            Verdict::FlakyFail,
            Verdict::Skip,
            Verdict::Inconclusive,
            Verdict::Broken,
        ] {
            let said = with("TASK-2", Known::Run(verdict)).in_full();
            assert_eq!(said, format!("none: TASK-2 is {verdict}"));
        }
    }

    #[test]
    fn what_is_not_of_the_profile_or_no_must_does_not_hinder() {
        for id in ["TIME-1", "TASK-8"] {
            assert_eq!(with(id, Known::Run(Verdict::Fail)).profile, Some("core"), "{id}");
        }
    }

    #[test]
    fn what_is_excused_is_named() {
        let standing = with("TASK-1", Known::Run(Verdict::KnownFail));
        assert_eq!(standing.to_string(), "core except TASK-1");
    }

    #[test]
    fn a_reason_for_no_test_is_enough_in_tier_b_only() {
        let of_tier = |tier| {
            let is = |clause: &&Clause| clause.tier == tier && PROFILES[0].asks(clause);
            contract::clauses().iter().find(is).map(|clause| clause.id)
        };
        let a = of_tier(Tier::A).unwrap();
        assert_eq!(with(a, Known::NoTest { reason: true }).profile, None);
        let Some(b) = of_tier(Tier::B) else { return };
        let said = with(b, Known::NoTest { reason: true }).in_full();
        assert_eq!(said, format!("core (untested: {b})"));
        assert_eq!(with(b, Known::NoTest { reason: false }).profile, None);
    }

    #[test]
    fn many_hindrances_are_counted() {
        let said = standing(core, |_, _| Known::NotRun).in_full();
        assert!(said.starts_with("none: TASK-1 was not run, and "), "{said}");
    }
}
