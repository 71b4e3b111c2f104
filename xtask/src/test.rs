//! `cargo xtask test`: everything that must hold before a change is merged.
//!
//! Builds with the same compiler flags share a target directory; the three that
//! need other flags have their own below it (`force-poll`, `loom`, `shuttle`).
//! No step stops the next one. A test that is skipped fails the run: whatever
//! cannot run here belongs behind a `cfg` or out of the repository.

use std::path::Path;

use crate::Outcome;
use crate::line::Line;
use crate::shell::Shell;
use crate::system;
use crate::workspace::{self, Package};
use crate::{audit, clauses, conformance, profiles, std_surface};

/// What tests start that is not ours.
const PACKAGES: [system::Package; 4] = [
    system::Package {
        name: "curl",
        proof: "curl",
        purpose: "the hello-http test asks as a browser would",
    },
    system::Package {
        name: "wrk",
        proof: "wrk",
        purpose: "the hello-http test asks from many connections at once",
    },
    system::Package {
        name: "redis-tools",
        proof: "redis-benchmark",
        purpose: "redis-cli and redis-benchmark are the clients of distridata's tests",
    },
    system::Package {
        name: "strace",
        proof: "strace",
        purpose: "a test of distridata looks for the fdatasync before each acknowledgement",
    },
];

/// Model checkers: the `cfg` that swaps the atomics is also the name of the test file.
const MODELS: [&str; 2] = ["loom", "shuttle"];

/// The `cfg`s that choose the fallbacks.
const FALLBACKS: &str =
    "--cfg runtime_force_poll --cfg runtime_force_sigchld --cfg runtime_no_preadv2";

type Step = fn(&mut Shell, &[Package]) -> Result<(), String>;

const STEPS: [(&str, Step); 14] = [
    ("system", needs),
    ("fmt", formatting),
    ("clippy", clippy),
    ("crates", each_package_alone),
    ("doc", documentation),
    ("tests", tests),
    ("profiles", claimed_profiles),
    ("std-surface", answers_to_std),
    ("force-poll", fallbacks),
    ("models", model_checks),
    ("side", side_workspaces),
    ("clauses", each_clause),
    ("mutants", broken_runtimes),
    ("audit", tree_audit),
];

pub(crate) fn run(names: &[&str]) -> Outcome {
    let steps = chosen(names)?;
    let mut shell = Shell::new();
    let packages = workspace::packages(&shell.root)?;
    for step in steps {
        if let Err(reason) = step(&mut shell, &packages) {
            shell.step("begin the tests".into(), || Err(reason));
            break;
        }
    }
    Ok(shell.finish())
}

/// The steps with these names in their own order; all if there are no names.
fn chosen(names: &[&str]) -> Result<Vec<Step>, String> {
    if let Some(unknown) = names.iter().find(|name| !STEPS.iter().any(|(known, _)| known == *name))
    {
        return Err(format!("`{unknown}` is not a step\n\n{}", crate::USAGE));
    }
    let wanted = STEPS.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    Ok(wanted.map(|&(_, step)| step).collect())
}

fn needs(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    system::require(shell, &PACKAGES)
}

fn formatting(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    shell.run(Line::cargo().words("fmt --all --check"));
    Ok(())
}

fn clippy(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    shell
        .run(Line::cargo().words("clippy --workspace --all-targets --all-features -- -D warnings"));
    Ok(())
}

/// Each package by itself and each of its features by itself: in a build of the
/// whole workspace features add up, and what one package forgets another brings.
fn each_package_alone(shell: &mut Shell, packages: &[Package]) -> Result<(), String> {
    for package in packages.iter().filter(|package| package.is_member()) {
        for features in feature_sets(package) {
            let line = Line::cargo().words("clippy -p").arg(&package.name);
            shell.run(line.words(&features).words("-- -D warnings"));
        }
    }
    Ok(())
}

/// Arguments for: the default, nothing, and each feature alone unless that is the default.
fn feature_sets(package: &Package) -> Vec<String> {
    let mut sets = vec![String::new()];
    if package.features.is_empty() {
        return sets;
    }
    sets.push("--no-default-features".into());
    for feature in package.features.iter().filter(|feature| *feature != "default") {
        if package.default != [feature.as_str()] {
            sets.push(format!("--no-default-features --features {feature}"));
        }
    }
    sets
}

fn documentation(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    let line = Line::cargo().words("doc --no-deps --workspace --all-features");
    shell.run(line.env("RUSTDOCFLAGS", "-D warnings"));
    Ok(())
}

/// Built first: what is limited is the time that tests take. The conformance suites among them leave
/// their reports for the next step.
fn tests(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    let line = |how: &str| Line::cargo().words("test --workspace --all-features").words(how);
    let out = conformance::reports(&shell.target);
    conformance::forget(&out);
    if shell.run(line("--no-run")) {
        shell.run_tests(line("--no-fail-fast").env("CONFORMANCE_OUT", out));
    }
    Ok(())
}

/// What the README says of each runtime is what the tests before have shown.
fn claimed_profiles(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    let out = conformance::reports(&shell.target);
    shell.step("cargo xtask profiles --check".into(), || profiles::compare(&out));
    Ok(())
}

/// Each function of std has an answer, and the page says so; that twins compile is a test among those
/// before.
fn answers_to_std(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    shell.step("cargo xtask std-surface --check".into(), std_surface::check);
    Ok(())
}

/// What other systems, and older Linux, use instead of epoll, pidfd and `preadv2`: here, by the whole
/// suite of runtime-default.
fn fallbacks(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    let line = Line::cargo().words("test --no-fail-fast -p runtime-default --target-dir");
    let line = line.arg(shell.target.join("force-poll")).env("RUSTFLAGS", FALLBACKS);
    shell.run_tests(line);
    Ok(())
}

/// Every `tests/loom.rs` and `tests/shuttle.rs`, optimised: they try many schedules.
fn model_checks(shell: &mut Shell, packages: &[Package]) -> Result<(), String> {
    for model in MODELS {
        let modelled: Vec<&str> = modelled(&shell.root, packages, model);
        if modelled.is_empty() {
            println!("\nno package has tests/{model}.rs");
            continue;
        }
        let line = Line::cargo()
            .words("test --release --no-fail-fast --test")
            .arg(model)
            .packages(modelled);
        let line = line.arg("--target-dir").arg(shell.target.join(model));
        shell.run_tests(line.env("RUSTFLAGS", format!("--cfg {model}")));
    }
    Ok(())
}

fn modelled<'a>(root: &Path, packages: &'a [Package], model: &str) -> Vec<&'a str> {
    let has_test = |package: &&Package| {
        let tests = root.join(&package.place).join("tests");
        tests.join(format!("{model}.rs")).exists() || tests.join(model).join("main.rs").exists()
    };
    packages.iter().filter(has_test).map(|package| package.name.as_str()).collect()
}

/// The workspaces beside ours must build and pass too; they are built with what is built already.
fn side_workspaces(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    for side in workspace::SIDE {
        let manifest = format!("{side}/Cargo.toml");
        if !shell.root.join(&manifest).exists() {
            continue;
        }
        let cargo =
            |command: &str| Line::cargo().words(command).arg("--manifest-path").arg(&manifest);
        shell.run(cargo("fmt --all --check"));
        shell.run(cargo("clippy --workspace --all-targets").words("-- -D warnings"));
        shell.run_tests(cargo("test --workspace --no-fail-fast"));
    }
    Ok(())
}

fn each_clause(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    shell.step("cargo xtask clauses".into(), clauses::report);
    Ok(())
}

/// Each mutant counts as a test: it passes if it is killed, by the clause that it breaks.
fn broken_runtimes(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    let line = |command: &str| conformance::mutants_line(command, &shell.target);
    let (build, run) = (line("build"), line("run"));
    if shell.run(build) {
        shell.run_tests(run);
    }
    Ok(())
}

fn tree_audit(shell: &mut Shell, _: &[Package]) -> Result<(), String> {
    shell.step("cargo xtask audit".into(), audit::report);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(features: &[&str], default: &[&str]) -> Package {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Package { features: owned(features), default: owned(default), ..Package::default() }
    }

    #[test]
    fn every_feature_is_tried_alone() {
        let sets = feature_sets(&package(&["default", "alloc", "std"], &["std"]));
        assert_eq!(sets, ["", "--no-default-features", "--no-default-features --features alloc"]);
        let sets = feature_sets(&package(&["default", "std", "net"], &["std", "net"]));
        assert_eq!(sets.len(), 4);
        assert_eq!(feature_sets(&package(&[], &[])), [""]);
    }

    #[test]
    fn steps_run_in_their_order_and_unknown_ones_are_refused() {
        assert_eq!(chosen(&[]).map(|steps| steps.len()), Ok(STEPS.len()));
        assert_eq!(chosen(&["audit", "fmt"]).map(|steps| steps.len()), Ok(2));
        assert!(chosen(&["fnt"]).unwrap_err().contains("`fnt` is not a step"));
    }
}
