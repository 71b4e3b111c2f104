//! What the runner is asked.

use std::path::PathBuf;
use std::time::Duration;

use crate::mutant::{Make, Mutant, Over};
use crate::subject;

pub(super) const HELP: &str = include_str!("help.txt");

#[derive(Debug)]
pub(super) struct Args {
    pub(super) help: bool,
    pub(super) list: bool,
    pub(super) hog: bool,
    pub(super) full: bool,
    pub(super) jobs: usize,
    pub(super) rounds: usize,
    pub(super) watchdog: Option<Duration>,
    pub(super) json: Option<PathBuf>,
    pub(super) record: Option<PathBuf>,
    pub(super) onto: Option<PathBuf>,
    runtime: Option<&'static str>,
    flavour: Option<&'static str>,
    ids: Vec<String>,
}

/// Mutants at a time: most of a mutant is waiting, for a watchdog or for what it does not do.
const JOBS: usize = 4;

impl Args {
    /// # Errors
    ///
    /// The text for people.
    pub(super) fn parse(args: impl Iterator<Item = String>) -> Result<Args, String> {
        let mut parsed = Args {
            help: false,
            list: false,
            hog: false,
            full: false,
            jobs: JOBS,
            rounds: 20,
            watchdog: None,
            json: None,
            record: None,
            onto: None,
            runtime: None,
            flavour: None,
            ids: Vec::new(),
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("`{arg}` needs a value"));
            let number = |text: String| {
                text.parse::<usize>().map_err(|_| format!("`{text}` is not a number"))
            };
            match arg.as_str() {
                "--help" | "-h" => parsed.help = true,
                "--list" => parsed.list = true,
                "--hog" => parsed.hog = true,
                "--full" => parsed.full = true,
                "--jobs" => parsed.jobs = number(value()?)?.max(1),
                "--rounds" => parsed.rounds = number(value()?)?.max(1),
                "--watchdog" => {
                    parsed.watchdog = Some(Duration::from_secs(number(value()?)? as u64));
                }
                "--json" => parsed.json = Some(value()?.into()),
                "--record" => parsed.record = Some(value()?.into()),
                "--onto" => parsed.onto = Some(value()?.into()),
                "--runtime" => {
                    let name = value()?;
                    if subject::runtime(&name).is_none() {
                        return Err(format!("there is no runtime `{name}`"));
                    }
                    parsed.runtime = Some(name.leak());
                }
                "--flavour" => parsed.flavour = Some(value()?.leak()),
                _ if arg.starts_with('-') => return Err(format!("unknown option `{arg}`")),
                _ => parsed.ids.push(arg),
            }
        }
        Ok(parsed)
    }

    /// Whether this mutant is asked for. Variants only by name: they take every clause.
    pub(super) fn choose(&self, mutant: &Mutant) -> bool {
        if self.names_some() { self.is_named(mutant) } else { !mutant.is_benign() }
    }

    /// Whether the command line names any.
    pub(super) fn names_some(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Whether this one is named, or none is.
    pub(super) fn is_named(&self, mutant: &Mutant) -> bool {
        let named = |id: &String| match id.strip_suffix('*') {
            Some(start) => mutant.id.starts_with(start),
            None => mutant.id == id,
        };
        self.ids.is_empty() || self.ids.iter().any(named)
    }

    /// What a mutant is made of in this run. A switch is where it is.
    pub(super) fn over(&self, mutant: &Mutant) -> Over {
        match (&mutant.make, self.runtime) {
            (Make::Twist(_), Some(runtime)) => {
                let first = subject::runtime(runtime).map(|harness| harness.flavours()[0]);
                let first = || first.map_or_else(String::new, |flavour| flavour.to_string()).leak();
                Over { runtime, flavour: self.flavour.unwrap_or_else(|| first()) }
            }
            _ => Over { flavour: self.flavour.unwrap_or(mutant.over.flavour), ..mutant.over },
        }
    }
}
