//! What the command line asks for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Cap;
use crate::case::Case;

/// The usage text.
pub(super) const HELP: &str = include_str!("help.txt");

/// Where a package excuses failures.
const EXPECTATIONS: &str = "conformance.toml";
/// The seed of a run that names none: runs repeat, unless asked not to.
const SEED: u64 = 0x5eed12;
/// What `--quick` leaves of the rounds.
const QUICK: f64 = 0.1;
/// The seconds that all rounds are sized for.
const BUDGET: f64 = 60.0;

/// The command line, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Args {
    pub(super) help: bool,
    pub(super) list: bool,
    /// As `--format terse` asks, for tools that list tests.
    pub(super) terse: bool,
    pub(super) nocapture: bool,
    pub(super) strict: bool,
    pub(super) once: bool,
    pub(super) seed: u64,
    pub(super) repeat: u64,
    pub(super) jobs: usize,
    pub(super) effort: f64,
    pub(super) watchdog: Option<Duration>,
    pub(super) expectations: Option<PathBuf>,
    pub(super) out: Option<PathBuf>,
    pub(super) merge: Vec<PathBuf>,
    /// Capabilities that a case may need; `None`: any.
    profile: Option<&'static [Cap]>,
    /// Only ignored tests were asked for; we have none.
    none: bool,
    cases: Vec<String>,
    skip: Vec<String>,
    flavours: Vec<String>,
}

impl Default for Args {
    fn default() -> Args {
        Args {
            help: false,
            list: false,
            terse: false,
            nocapture: false,
            strict: false,
            once: false,
            seed: SEED,
            repeat: 1,
            jobs: 2,
            effort: 1.0,
            watchdog: None,
            expectations: None,
            out: None,
            merge: Vec::new(),
            profile: None,
            none: false,
            cases: Vec::new(),
            skip: Vec::new(),
            flavours: Vec::new(),
        }
    }
}

impl Args {
    /// # Errors
    ///
    /// The text for people.
    pub(super) fn parse(args: impl Iterator<Item = String>) -> Result<Args, String> {
        let mut parsed = Args::default();
        let mut args = args;
        while let Some(arg) = args.next() {
            let (option, inline) = match arg.split_once('=') {
                Some((option, value)) if arg.starts_with("--") => (option, Some(value.to_owned())),
                _ => (arg.as_str(), None),
            };
            let mut value = || {
                let value = inline.clone().or_else(|| args.next());
                value.ok_or_else(|| format!("`{option}` needs a value"))
            };
            match option {
                "--help" | "-h" => parsed.help = true,
                "--list" => parsed.list = true,
                "--nocapture" | "--no-capture" => parsed.nocapture = true,
                "--format" => parsed.terse = value()? == "terse",
                "--ignored" => parsed.none = true,
                "--strict" => parsed.strict = true,
                "--once" => parsed.once = true,
                "--quick" => parsed.effort = QUICK,
                "--budget" => parsed.effort = seconds(&value()?)? / BUDGET,
                "--seed" => parsed.seed = number(&value()?)?,
                "--repeat" => parsed.repeat = number(&value()?)?.max(1),
                "--jobs" => parsed.jobs = number(&value()?)?.max(1) as usize,
                "--watchdog" => {
                    parsed.watchdog = Some(Duration::from_secs_f64(seconds(&value()?)?));
                }
                "--expectations" => parsed.expectations = Some(value()?.into()),
                "--out" => parsed.out = Some(directory(option, value()?)?),
                "--merge" => parsed.merge.push(directory(option, value()?)?),
                "--profile" => parsed.profile = Some(profile(&value()?)?),
                "--flavour" => parsed.flavours.push(value()?),
                "--skip" => parsed.skip.push(value()?),
                "--test-threads" | "--color" | "-Z" => drop(value()?),
                "--exact" | "--quiet" | "-q" | "--show-output" | "--include-ignored" => {}
                _ if option.starts_with('-') => return Err(format!("unknown option `{arg}`")),
                _ => parsed.cases.push(arg),
            }
        }
        Ok(parsed)
    }

    /// Fills in what was not said: reports go below `parent` if that is given, known failures are those
    /// of the package in `place`.
    pub(super) fn or_else(mut self, parent: Option<PathBuf>, runtime: &str, place: &Path) -> Args {
        let below = parent.filter(|parent| !parent.as_os_str().is_empty());
        self.out = self.out.or_else(|| Some(below?.join(file_name(runtime))));
        let known = place.join(EXPECTATIONS);
        self.expectations = self.expectations.or_else(|| known.exists().then_some(known));
        self
    }

    /// Whether a case is to run.
    pub(super) fn choose(&self, case: &Case, flavour: &str) -> bool {
        self.choose_name(case.id, &case.name(), flavour)
            && self.profile.is_none_or(|caps| case.wants().iter().all(|cap| caps.contains(cap)))
    }

    /// Whether something of this name is asked for.
    pub(super) fn choose_name(&self, id: &str, name: &str, flavour: &str) -> bool {
        let case = format!("{name}@{flavour}");
        let named =
            |pattern: &String| glob(pattern, id) || glob(pattern, name) || glob(pattern, &case);
        !self.none
            && (self.cases.is_empty() || self.cases.iter().any(named))
            && (self.flavours.is_empty() || self.flavours.iter().any(|f| glob(f, flavour)))
            && !self.skip.iter().any(named)
    }

    /// Whether everything is asked for, so that what is missing is worth saying.
    pub(super) fn is_full(&self) -> bool {
        self.cases.is_empty() && self.skip.is_empty() && self.profile.is_none() && !self.none
    }

    /// What was probably meant as a clause or a flavour. `cargo test word` hands its word to every
    /// test, so a word that matches nothing is an error only if it is not meant for others.
    pub(super) fn looks_like_a_clause(&self) -> Option<&str> {
        let typed = |case: &&String| case.starts_with(|c: char| c.is_ascii_uppercase());
        let wrong = self.cases.iter().find(typed).or(self.flavours.first());
        wrong.filter(|_| !self.none && self.skip.is_empty()).map(String::as_str)
    }
}

/// A directory, which need not be there yet.
fn directory(option: &str, path: String) -> Result<PathBuf, String> {
    match () {
        () if path.is_empty() => Err(format!("`{option}` needs a directory, and got nothing")),
        () if Path::new(&path).is_file() => {
            Err(format!("`{option}` needs a directory, and `{path}` is a file"))
        }
        () => Ok(path.into()),
    }
}

/// A runtime's name as the name of a directory.
fn file_name(runtime: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' };
    runtime.chars().map(plain).collect()
}

/// The capabilities of a profile.
fn profile(name: &str) -> Result<&'static [Cap], String> {
    let found = crate::profile::PROFILES.iter().find(|profile| profile.name == name);
    found.map(|profile| profile.caps).ok_or_else(|| format!("there is no profile `{name}`"))
}

/// Decimal, or hexadecimal after `0x`.
fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is not a number"))
}

/// `60`, `0.5`, `60s`.
fn seconds(text: &str) -> Result<f64, String> {
    let parsed = text.trim_end_matches('s').parse::<f64>().ok();
    let positive = parsed.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    positive.ok_or_else(|| format!("`{text}` is not a number of seconds"))
}

/// Whether `text` is what `pattern` says; `*` is any text, `?` any one byte.
fn glob(pattern: &str, text: &str) -> bool {
    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
            ([b'?', rest @ ..], [_, tail @ ..]) => matches(rest, tail),
            ([p, rest @ ..], [t, tail @ ..]) => p == t && matches(rest, tail),
            _ => false,
        }
    }
    matches(pattern.as_bytes(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (pattern, text) in
            [("TASK-1", "TASK-1"), ("*", ""), ("T*-?", "TIME-1"), ("*@cur*", "X@current")]
        {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("TASK-1", "TASK-10"), ("?", ""), ("T*-?", "TIME-10")] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_clause_names_its_parts_and_a_part_only_itself() {
        let mut cases = crate::clauses::cases();
        let part = cases.find(|case| case.name() == "SHUTDOWN-3/blocking").unwrap();
        assert!(parse("SHUTDOWN-3").unwrap().choose(part, "current"));
        assert!(parse("SHUTDOWN-3/blocking@cur*").unwrap().choose(part, "current"));
        assert!(!parse("SHUTDOWN-3/task").unwrap().choose(part, "current"));
        assert!(!parse("--flavour=multi?").unwrap().choose(part, "current"));
        assert!(!parse("--skip SHUTDOWN-*").unwrap().choose(part, "current"));
        assert!(!parse("--profile core").unwrap().choose(part, "current"));
    }

    #[test]
    fn what_cargo_test_passes_is_accepted() {
        let args = parse("--nocapture --test-threads=1 --test-threads 2 -q --exact --color always");
        assert_eq!(args.unwrap(), Args { nocapture: true, ..Args::default() });
    }

    #[test]
    fn what_nobody_knows_is_an_error() {
        assert_eq!(parse("--sed 1").unwrap_err(), "unknown option `--sed`");
        assert_eq!(parse("--seed x").unwrap_err(), "`x` is not a number");
        assert_eq!(parse("--seed").unwrap_err(), "`--seed` needs a value");
        assert_eq!(parse("--budget -1").unwrap_err(), "`-1` is not a number of seconds");
        assert_eq!(parse("--profile huge").unwrap_err(), "there is no profile `huge`");
        assert_eq!(parse("--seed 0x10").unwrap().seed, 16);
        assert_eq!(parse("--budget 30s").unwrap().effort, 0.5);
    }

    #[test]
    fn a_directory_is_neither_nothing_nor_a_file() {
        let nothing = parse("--out=").unwrap_err();
        assert_eq!(nothing, "`--out` needs a directory, and got nothing");
        let file = parse("--merge Cargo.toml").unwrap_err();
        assert_eq!(file, "`--merge` needs a directory, and `Cargo.toml` is a file");
        assert_eq!(parse("--out src").unwrap().out, Some("src".into()));
    }

    #[test]
    fn what_is_not_said_comes_from_the_environment_and_the_package() {
        let place = Path::new(env!("CARGO_MANIFEST_DIR"));
        let out = |line, parent: &str| {
            parse(line).unwrap().or_else(Some(parent.into()), "a/../b c", place).out
        };
        assert_eq!(out("", "reports"), Some("reports/a----b-c".into()));
        assert_eq!(out("--out mine", "reports"), Some("mine".into()));
        assert_eq!(out("", ""), None);
        let args = parse("").unwrap().or_else(None, "x", place);
        assert_eq!(args, Args::default(), "this package has no known failures");
    }

    #[test]
    fn a_word_for_other_tests_is_no_typo() {
        assert_eq!(parse("some_unit_test").unwrap().looks_like_a_clause(), None);
        assert_eq!(parse("TSAK-1").unwrap().looks_like_a_clause(), Some("TSAK-1"));
        assert_eq!(parse("--flavour mutli").unwrap().looks_like_a_clause(), Some("mutli"));
    }
}
