//! What the commands need from the operating system's packages.
//!
//! A missing package is installed when that is possible without asking (root,
//! a system with `apt-get`), else the one line to type is the error message.

use std::path::Path;

use crate::line::Line;
use crate::shell::Shell;

/// A package of the operating system.
pub(crate) struct Package {
    /// Its name for `apt-get install`.
    pub(crate) name: &'static str,
    /// What shows that it is there: an absolute path, or a program on `PATH`.
    pub(crate) proof: &'static str,
    /// What it is for.
    pub(crate) purpose: &'static str,
}

/// Makes sure that all packages are there; the error says what to type.
pub(crate) fn require(shell: &mut Shell, packages: &[Package]) -> Result<(), String> {
    let missing: Vec<&Package> = packages.iter().filter(|package| !is_there(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        println!("missing: {} ({})", package.name, package.purpose);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    let request = request(&names);
    if !is_root(shell) {
        return Err(format!("install what is missing, then try again: {request}"));
    }
    shell.run(Line::new("sh").env("DEBIAN_FRONTEND", "noninteractive").arg("-c").arg(&request));
    match missing.iter().find(|package| !is_there(package)) {
        None => Ok(()),
        Some(package) => Err(format!("{} is still missing after {request}", package.proof)),
    }
}

fn request(names: &[&str]) -> String {
    let names = names.join(" ");
    format!("apt-get -q update && apt-get -q install -y --no-install-recommends {names}")
}

fn is_there(package: &Package) -> bool {
    let proof = Path::new(package.proof);
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    proof.is_absolute() && proof.exists()
        || std::env::split_paths(&search_path).any(|place| place.join(proof).is_file())
}

fn is_root(shell: &Shell) -> bool {
    shell.ask(Line::new("id").arg("-u")).is_ok_and(|id| id == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(proof: &'static str) -> Package {
        Package { name: "p", proof, purpose: "a test" }
    }

    #[test]
    fn a_proof_is_a_path_or_a_program() {
        assert!(is_there(&package("/")));
        assert!(is_there(&package("sh")));
        assert!(!is_there(&package("/no/such/path")));
        assert!(!is_there(&package("no-such-program")));
    }
}
