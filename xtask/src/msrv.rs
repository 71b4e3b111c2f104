//! `cargo xtask msrv`: do the crates compile with the oldest compiler they promise?
//!
//! The compiler is the real one, from the distribution's packages, unpacked
//! below the target directory and not installed. Only it is old: cargo is
//! today's. Only normal dependencies count: tests may use newer crates.

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::line::Line;
use crate::shell::{Shell, write_script};
use crate::workspace::{self, Package};

/// The distribution's build of rustc 1.85 and the library that it loads.
const COMPILER: &str = "rustc-web=1.85.0+dfsg3-1~deb12u3 \
                        libstd-rust-web-1.85=1.85.0+dfsg3-1~deb12u3 \
                        libstd-rust-web-dev=1.85.0+dfsg3-1~deb12u3 \
                        libllvm19";

/// What `rustc -V` must begin with.
const VERSION: &str = "rustc 1.85.";

/// Packages that promise nothing about old compilers: they are not libraries.
const PROGRAMS: [&str; 2] = ["examples/", "xtask/"];

pub(crate) fn run() -> Outcome {
    let mut shell = Shell::new();
    let compiler = compiler(&mut shell)?;
    println!("compiler: {}", shell.ask(Line::new(&compiler).arg("-V"))?);
    let packages = workspace::packages(&shell.root)?;
    let mut failed = Vec::new();
    for package in packages.iter().filter(|package| promises(package)) {
        if !shell.run(check(&shell, &compiler, package)) {
            failed.push(package.name.as_str());
        }
    }
    shell.print_times();
    if failed.is_empty() {
        return Ok(std::process::ExitCode::SUCCESS);
    }
    Err(format!("{} do not compile with {VERSION}*", failed.join(", ")))
}

fn promises(package: &Package) -> bool {
    package.is_member() && !PROGRAMS.iter().any(|program| package.place.starts_with(program))
}

fn check(shell: &Shell, compiler: &Path, package: &Package) -> Line {
    let line = Line::cargo().words("check --all-features -p").arg(&package.name);
    let build = shell.target.join("msrv/build");
    line.arg("--target-dir").arg(build).env("RUSTC", compiler)
}

/// A script that runs the old compiler; fetched on first use.
fn compiler(shell: &mut Shell) -> Result<PathBuf, String> {
    let home = shell.target.join("msrv");
    let script = home.join("rustc");
    if !is_right(shell, &script) {
        write_script(&script, &start(&home))?;
        fetch(shell, &home)?;
    }
    if is_right(shell, &script) {
        return Ok(script);
    }
    Err(format!(
        "{} does not start {VERSION}*; remove its directory and try again",
        script.display()
    ))
}

fn is_right(shell: &Shell, script: &Path) -> bool {
    shell.ask(Line::new(script).arg("-V")).is_ok_and(|version| version.starts_with(VERSION))
}

/// The unpacked compiler finds its libraries where it was unpacked.
fn start(home: &Path) -> String {
    let usr = home.join("unpacked/usr");
    let usr = usr.display();
    format!("LD_LIBRARY_PATH='{usr}/lib/x86_64-linux-gnu:{usr}/lib' exec '{usr}/bin/rustc' \"$@\"")
}

/// Downloads and unpacks; the package manager checks the signatures.
fn fetch(shell: &mut Shell, home: &Path) -> Result<(), String> {
    let body = format!(
        "cd '{}' && rm -rf unpacked *.deb && apt-get -q download {COMPILER} && \
         for package in *.deb; do dpkg -x \"$package\" unpacked || exit 1; done",
        home.display()
    );
    match shell.run(Line::new("sh").arg("-c").arg(body)) {
        true => Ok(()),
        false => Err("the compiler could not be fetched; `apt-get update`, then try again".into()),
    }
}
