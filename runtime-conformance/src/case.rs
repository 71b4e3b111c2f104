//! A case: one test of one clause, and how it is registered.
//!
//! Each group's file ends with two tables, `CASES` and `UNTESTED`. A case's function takes a
//! [`Rig`] and panics with a text that starts with the clause's id if the clause does not hold. A
//! clause whose halves need different capabilities, or have different evidence, has *parts*.

use crate::contract::{self, Clause, Level};
use crate::rig::Rig;
use crate::{Cap, Flavour};

/// A test of a clause.
pub(crate) struct Case {
    /// The clause.
    pub(crate) id: &'static str,
    /// Which part of it, or nothing.
    pub(crate) part: &'static str,
    /// What this part asks; nothing: what the clause says.
    pub(crate) asks: &'static str,
    /// How binding this part is; `None`: as the clause is.
    level: Option<Level>,
    /// What a green result is worth.
    pub(crate) evidence: Evidence,
    /// What the test cannot do without; `None`: what the clause needs.
    needs: Option<&'static [Cap]>,
    /// The flavours it makes sense for; `None`: all.
    only: Option<fn(Flavour) -> bool>,
    /// Whether no other case may run beside it.
    pub(crate) alone: bool,
    /// The test.
    pub(crate) run: fn(&Rig<'_>),
}

/// What a green result is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The test forces the case it is about.
    Deterministic,
    /// Green can be luck.
    Stochastic,
}

impl Case {
    /// A deterministic case of clause `id`, with the clause's needs, for all flavours.
    pub(crate) const fn new(id: &'static str, run: fn(&Rig<'_>)) -> Case {
        Case {
            id,
            part: "",
            asks: "",
            level: None,
            evidence: Evidence::Deterministic,
            needs: None,
            only: None,
            alone: false,
            run,
        }
    }

    /// One part of the clause, and the question that it asks.
    pub(crate) const fn part(mut self, part: &'static str, asks: &'static str) -> Case {
        self.part = part;
        self.asks = asks;
        self
    }

    /// Must hold although the clause as a whole only should.
    pub(crate) const fn must(mut self) -> Case {
        self.level = Some(Level::Must);
        self
    }

    /// Should hold, although the clause as a whole must.
    pub(crate) const fn should(mut self) -> Case {
        self.level = Some(Level::Should);
        self
    }

    /// Green can be luck: a red verdict is confirmed with other seeds, and a witness is asked for.
    pub(crate) const fn stochastic(mut self) -> Case {
        self.evidence = Evidence::Stochastic;
        self
    }

    /// Needs these instead of what the clause needs.
    pub(crate) const fn needs(mut self, needs: &'static [Cap]) -> Case {
        self.needs = Some(needs);
        self
    }

    /// Only for some flavours; the others have nothing to show.
    #[allow(dead_code, reason = "part of the vocabulary for cases")]
    pub(crate) const fn only(mut self, flavours: fn(Flavour) -> bool) -> Case {
        self.only = Some(flavours);
        self
    }

    /// It measures CPU time or counts threads of the machine: nothing runs beside it.
    #[allow(dead_code, reason = "part of the vocabulary for cases")]
    pub(crate) const fn alone(mut self) -> Case {
        self.alone = true;
        self
    }

    /// `TASK-1`, or `WAKE-2/two-wakers`.
    pub(crate) fn name(&self) -> String {
        let slash = if self.part.is_empty() { "" } else { "/" };
        format!("{}{slash}{}", self.id, self.part)
    }

    /// Its clause.
    pub(crate) fn clause(&self) -> &'static Clause {
        contract::clause(self.id).expect("a test checks that all ids are on the page")
    }

    /// How binding it is.
    pub(crate) fn level(&self) -> Level {
        self.level.unwrap_or(self.clause().level)
    }

    /// What it cannot do without.
    pub(crate) fn wants(&self) -> &[Cap] {
        self.needs.unwrap_or_else(|| &self.clause().needs)
    }

    /// The question it asks.
    pub(crate) fn question(&self) -> &'static str {
        if self.asks.is_empty() { self.clause().rule } else { self.asks }
    }

    /// Whether it makes sense for `flavour`.
    pub(crate) fn is_for(&self, flavour: Flavour) -> bool {
        self.only.is_none_or(|only| only(flavour))
    }
}

impl Evidence {
    /// As reports write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Evidence::Deterministic => "deterministic",
            Evidence::Stochastic => "stochastic",
        }
    }
}

/// A clause without a test, and why there is none.
pub(crate) struct Untested {
    /// The clause.
    pub(crate) id: &'static str,
    /// The reason.
    pub(crate) why: &'static str,
}

impl Untested {
    /// Clause `id` has no test, because of `why`.
    #[allow(dead_code, reason = "part of the vocabulary for cases")]
    pub(crate) const fn new(id: &'static str, why: &'static str) -> Untested {
        Untested { id, why }
    }
}
