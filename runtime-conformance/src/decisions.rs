//! What the contract leaves to each runtime, and what this one decided.

use std::time::Duration;

/// How a runtime decides what the contract leaves open. Reports show it beside the verdicts.
///
/// D1 (dropping a join handle detaches), D5 (spawning after the end resolves *cancelled*) and D6 (a
/// panic goes to the handle) are kept by the interface, D9 and D10 are capabilities, and D8 has no
/// subject before there are files: what is left are these.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decisions {
    /// D2: whether an abort may drop the future on the stack of who aborts.
    pub drops_on_aborter: bool,
    /// D3: what `block_on` inside `block_on` does.
    pub nested_block_on: Answer,
    /// D4: what dropping the runtime inside one of its own tasks does.
    pub dropped_inside: Answer,
    /// D7: whether timers count the time that the machine sleeps.
    pub counts_suspend: Option<bool>,
    /// How many blocking threads there are at most. Without it, or above 512, BLOCKING-4 is
    /// inconclusive: let the harness build with fewer.
    pub blocking_threads_max: Option<usize>,
    /// How long an idle blocking thread waits before it ends, if that is known; `Duration::MAX`: it
    /// never ends. With a short one the suite can meet the moment; above 100 ms it does not wait, and
    /// BLOCKING-5 is inconclusive: let the harness build with less.
    pub blocking_keep_alive: Option<Duration>,
    /// Beginnings of the names of threads that stay for the life of the process, whatever ends.
    /// A runtime that names any is started and ended once before each case, so that what it keeps
    /// for the process is not counted as a leak.
    pub lasting_threads: &'static [&'static str],
}

/// What a questionable call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// It works.
    Works,
    /// It is refused with an error.
    Refuses,
    /// It panics, cleanly.
    Panics,
    /// It works in some places and fails cleanly in others, as this says. Reports show the words; what
    /// is checked is that it does one or the other.
    Depends(&'static str),
    /// It works or fails cleanly; which one is not promised.
    Open,
}

impl Default for Decisions {
    fn default() -> Decisions {
        Decisions {
            drops_on_aborter: false,
            nested_block_on: Answer::Open,
            dropped_inside: Answer::Open,
            counts_suspend: None,
            blocking_threads_max: None,
            blocking_keep_alive: None,
            lasting_threads: &[],
        }
    }
}

impl Decisions {
    /// Id and text of each, for the report.
    pub(crate) fn list(&self) -> Vec<(&'static str, String)> {
        let yes_or_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let or_open = |text: Option<String>| text.unwrap_or_else(|| "not said".to_owned());
        vec![
            ("D2 destructor on the aborter's stack", yes_or_no(self.drops_on_aborter)),
            ("D3 nested block_on", self.nested_block_on.word().to_owned()),
            ("D4 dropped inside a task", self.dropped_inside.word().to_owned()),
            ("D7 timers count suspend", or_open(self.counts_suspend.map(yes_or_no))),
            ("blocking threads", or_open(self.blocking_threads_max.map(|max| max.to_string()))),
            (
                "an idle blocking thread waits",
                or_open(self.blocking_keep_alive.map(|delay| match delay {
                    Duration::MAX => "for ever".to_owned(),
                    delay => format!("{delay:?}"),
                })),
            ),
        ]
    }
}

impl Answer {
    /// Whether a call that did `seen` is as declared.
    pub(crate) fn permits(self, seen: Answer) -> bool {
        matches!(self, Answer::Open | Answer::Depends(_)) || self == seen
    }

    fn word(self) -> &'static str {
        match self {
            Answer::Works => "works",
            Answer::Refuses => "refuses",
            Answer::Panics => "panics",
            Answer::Depends(how) => how,
            Answer::Open => "not said",
        }
    }
}
