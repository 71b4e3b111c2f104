//! The machine and the versions: without them a figure means nothing.

use std::fmt;
use std::fs;

/// Names and values, in the order they are printed in.
pub(crate) struct Facts(pub(crate) Vec<(&'static str, String)>);

/// Whose versions matter.
const PACKAGES: [&str; 5] = ["tokio", "smol", "async-executor", "async-io", "async-task"];

impl Facts {
    pub(crate) fn now() -> Facts {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        Facts(vec![
            ("cores", cores.to_string()),
            ("cpu", cpu().unwrap_or_else(|| std::env::consts::ARCH.into())),
            ("system", system()),
            ("rustc", env!("BENCHES_RUSTC").into()),
            ("versions", versions(include_str!("../Cargo.lock"))),
            ("load", first_words("/proc/loadavg", 3)),
        ])
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "{name:>9}: {value}"))
    }
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().into())
}

fn system() -> String {
    format!("{} {}", std::env::consts::OS, first_words("/proc/sys/kernel/osrelease", 1))
}

fn first_words(path: &str, count: usize) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

/// What the lock file says of those packages.
fn versions(lock: &str) -> String {
    let version = |name| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        Some(format!("{name} {}", rest.split('"').next()?))
    };
    PACKAGES.into_iter().filter_map(version).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found() {
        let lock = "[[package]]\nname = \"tokio\"\nversion = \"1.2.3\"\n";
        assert_eq!(versions(lock), "tokio 1.2.3");
    }
}
