//! `cargo xtask sanitize`: the tests under AddressSanitizer and ThreadSanitizer.
//!
//! AddressSanitizer comes with the nightly compiler. ThreadSanitizer must see
//! the standard library too, or it takes its atomics for races; so that library
//! is built from the distribution's sources by the distribution's compiler,
//! with the nightly's run-time library, linked by the `lld` that comes with the
//! stable toolchain (GNU's linker does not manage it).
//!
//! A clean run is evidence, not proof: races depend on the schedule, so run it
//! more than once. Stand-alone fences are not modelled. crossbeam's crates
//! notice the sanitizer in their build scripts and do without fences; others
//! (event-listener, concurrent-queue) do not.
//!
//! The runtimes' tests include the conformance suite (`tests/conformance.rs`). What it says about races
//! is about the runtime and its tests, and a limit on memory or descriptors means little to a process
//! whose addresses the sanitizer took; so no clause counts a sanitizer as its test.
//!
//! Documentation tests are left out: they would be built without the sanitizer.

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::line::Line;
use crate::platforms;
use crate::shell::{Shell, write_script};
use crate::system;

const HOST: &str = "x86_64-unknown-linux-gnu";

/// The packages that have unsafe code or lend memory to others.
const SUBJECTS: [&str; 5] =
    ["runtime-hooks", "runtime-traits", "runtime-default", "runtime-tokio", "runtime-smol"];

type Sanitizer = fn(&mut Shell) -> Result<(), String>;

const SANITIZERS: [(&str, Sanitizer); 2] = [("asan", address), ("tsan", thread)];

pub(crate) fn run(names: &[&str]) -> Outcome {
    if let Some(unknown) =
        names.iter().find(|name| !SANITIZERS.iter().any(|(known, _)| known == *name))
    {
        return Err(format!("`{unknown}` is not a sanitizer\n\n{}", crate::USAGE));
    }
    let mut shell = Shell::new();
    for (_, sanitizer) in
        SANITIZERS.iter().filter(|(name, _)| names.is_empty() || names.contains(name))
    {
        sanitizer(&mut shell)?;
    }
    Ok(shell.finish())
}

fn address(shell: &mut Shell) -> Result<(), String> {
    run_time_library(shell, "asan")?;
    let line = Line::new("rustup").words("run nightly cargo test --no-fail-fast --lib --tests");
    let line = line.words("--target").arg(HOST).packages(SUBJECTS);
    let line = line.arg("--target-dir").arg(shell.target.join("asan"));
    let suppressions = shell.root.join("xtask/lsan.supp");
    let line = line.env("LSAN_OPTIONS", format!("suppressions={}", suppressions.display()));
    shell.run_tests(line.env("RUSTFLAGS", "-Zsanitizer=address"));
    Ok(())
}

fn thread(shell: &mut Shell) -> Result<(), String> {
    let library = run_time_library(shell, "tsan")?;
    system::require(shell, &platforms::COMPILER)?;
    let linker = linker(shell)?;
    let suppressions = shell.root.join("xtask/tsan.supp");
    let line = Line::cargo().words("test --no-fail-fast --lib --tests -Zbuild-std");
    let line = line.words("--target").arg(HOST).packages(SUBJECTS);
    let line = line.arg("--target-dir").arg(shell.target.join("tsan"));
    let line = platforms::with_compiler(line).env("PATH", path_with(&linker));
    let line = line.env("TSAN_OPTIONS", format!("suppressions={}", suppressions.display()));
    shell.run_tests(line.env("RUSTFLAGS", thread_flags(&library)));
    Ok(())
}

/// The sanitizer's library is linked whole: it replaces functions nobody mentions.
fn thread_flags(library: &Path) -> String {
    format!(
        "-Zsanitizer=thread -Zexternal-clangrt -Clink-arg=-Wl,--whole-archive -Clink-arg={} \
         -Clink-arg=-Wl,--no-whole-archive -Clink-arg=-Wl,--export-dynamic",
        library.display()
    )
}

/// The nightly's run-time library of a sanitizer.
fn run_time_library(shell: &Shell, name: &str) -> Result<PathBuf, String> {
    let sysroot = shell.ask(Line::new("rustup").words("run nightly rustc --print sysroot"));
    let sysroot = sysroot.map_err(|reason| format!("no nightly toolchain: {reason}"))?;
    let library = format!("lib/rustlib/{HOST}/lib/librustc-nightly_rt.{name}.a");
    existing(Path::new(&sysroot).join(library), "the nightly toolchain")
}

/// A directory with a `cc` that links with `lld`. Cargo's flags stay the same for
/// every crate this way, or the standard library would be built for each anew.
fn linker(shell: &Shell) -> Result<PathBuf, String> {
    let sysroot = shell.ask(Line::new("rustc").words("--print sysroot"))?;
    let lld = Path::new(&sysroot).join(format!("lib/rustlib/{HOST}/bin/gcc-ld"));
    let lld = existing(lld, "the stable toolchain")?;
    let cc = existing("/usr/bin/cc".into(), "the package gcc")?;
    let directory = shell.target.join("tsan/bin");
    let (cc, lld) = (cc.display(), lld.display());
    let body = format!("exec {cc} -fuse-ld=lld '-B{lld}' \"$@\" -lm -lrt -ldl -lpthread -lc");
    write_script(&directory.join("cc"), &body)?;
    Ok(directory)
}

fn existing(path: PathBuf, comes_with: &str) -> Result<PathBuf, String> {
    if path.exists() {
        return Ok(path);
    }
    Err(format!("{} is missing; it comes with {comes_with}", path.display()))
}

fn path_with(first: &Path) -> String {
    let rest = std::env::var("PATH").unwrap_or_default();
    format!("{}:{rest}", first.display())
}
