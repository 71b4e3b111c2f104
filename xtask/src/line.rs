//! A command line: what a person would type, and what is started for it.
//!
//! Both are made from the same parts, so that a printed line can be pasted into
//! a shell in the repository's root and does the same. Three things are added
//! silently: the target directory, an empty standard input, and, for test
//! programs where `CI` is set, an end after [`LIMIT_SECS`], so that a test that
//! hangs does not keep the sum of all others from being printed.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

/// How long one step may test where nobody watches.
const LIMIT_SECS: &str = "1800";

/// One command line, as it is shown and as it is run.
pub(crate) struct Line {
    environment: Vec<(String, OsString)>,
    program: OsString,
    shown_as: String,
    arguments: Vec<OsString>,
}

impl Line {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Line {
        let program = program.as_ref().to_owned();
        let shown_as = program.to_string_lossy().into_owned();
        Line { environment: Vec::new(), program, shown_as, arguments: Vec::new() }
    }

    /// The cargo that runs this command, so that all steps use one toolchain.
    pub(crate) fn cargo() -> Line {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Line { shown_as: "cargo".into(), ..Line::new(program) }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Line {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments that contain no white space, written as on a command line.
    pub(crate) fn words(self, words: &str) -> Line {
        words.split_whitespace().fold(self, |line, word| line.arg(word))
    }

    /// Adds `-p name` for each package.
    pub(crate) fn packages<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Line {
        names.into_iter().fold(self, |line, name| line.arg("-p").arg(name))
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Line {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn command(&self, root: &Path, target: &Path) -> Command {
        self.dressed(Command::new(&self.program), root, target)
    }

    /// The same, ended with all that it started when the time is up; only where nobody
    /// watches, because what runs this way does not hear the interrupt key.
    pub(crate) fn limited_command(&self, root: &Path, target: &Path) -> Command {
        if std::env::var_os("CI").is_none() {
            return self.command(root, target);
        }
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", LIMIT_SECS]).arg(&self.program);
        self.dressed(command, root, target)
    }

    fn dressed(&self, mut command: Command, root: &Path, target: &Path) -> Command {
        command.args(&self.arguments).current_dir(root).stdin(Stdio::null());
        // Set by `cargo run` for this program; foreign compilers would load the wrong libraries.
        command.env_remove("LD_LIBRARY_PATH");
        command.env("CARGO_TARGET_DIR", target);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The line as a person would type it in the repository's root.
    pub(crate) fn shown(&self, root: &Path) -> String {
        let mut words: Vec<String> = Vec::new();
        let search_path = std::env::var("PATH").unwrap_or_else(|_| "$PATH".into());
        for (name, value) in &self.environment {
            words.push(format!("{name}={}", quoted(value).replace(&search_path, "$PATH")));
        }
        words.push(self.shown_as.clone());
        words.extend(self.arguments.iter().map(|argument| quoted(argument)));
        words.join(" ").replace(&format!("{}/", root.display()), "")
    }
}

/// The word in quotes if a shell would not take it as it is.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = !word.contains(|c: char| c.is_whitespace() || c == '\'');
    if plain { word.into_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_as_one_would_type_it() {
        let line = Line::cargo()
            .env("RUSTFLAGS", "--cfg loom")
            .words("test --release")
            .packages(["a", "b"])
            .arg("/repo/target/loom");
        let expected = "RUSTFLAGS='--cfg loom' cargo test --release -p a -p b target/loom";
        assert_eq!(line.shown(Path::new("/repo")), expected);
    }
}
