//! `cargo xtask platforms`: do the crates type-check where they promise to?
//!
//! The standard library of foreign targets is built from the sources that the
//! distribution packages, so that no download beyond its packages is needed.
//! A type check links nothing, hence needs no foreign linker and proves nothing
//! about what happens at run time.

use crate::Outcome;
use crate::line::Line;
use crate::shell::Shell;
use crate::system::{self, Package};

/// The distribution's compiler and the sources of its standard library belong together.
pub(crate) const COMPILER: [Package; 2] = [
    Package {
        name: "rustc-web",
        proof: RUSTC,
        purpose: "a compiler whose standard library has sources",
    },
    Package {
        name: "rust-web-src",
        proof: "/usr/lib/rustlib/src/rust",
        purpose: "the standard library's sources",
    },
];

/// Windows' import libraries are made while its standard library is built, also for a type check.
const IMPORT_LIBRARIES: [Package; 1] = [Package {
    name: "binutils-mingw-w64-x86-64",
    proof: "x86_64-w64-mingw32-dlltool",
    purpose: "Windows' standard library calls its dlltool",
}];

pub(crate) const RUSTC: &str = "/usr/bin/rustc";
const RUSTDOC: &str = "/usr/bin/rustdoc";

const THUMB: &str = "thumbv7em-none-eabihf";
const WASM: &str = "wasm32-unknown-unknown";
const WINDOWS: &str = "x86_64-pc-windows-gnu";
const APPLE: &str = "aarch64-apple-darwin";

/// One promise: this target, this crate, these features.
struct Promise(&'static str, &'static str, &'static str);

/// Ordered by target, so that each standard library is built once and in one go.
const PROMISES: [Promise; 8] = [
    Promise(THUMB, "runtime-traits", "--no-default-features"),
    Promise(THUMB, "runtime-traits", "--no-default-features --features alloc"),
    Promise(WASM, "runtime-traits", "--no-default-features --features std"),
    Promise(WINDOWS, "runtime-traits", ""),
    Promise(WINDOWS, "runtime-traits", "--all-features"),
    Promise(WINDOWS, "runtime-default", ""),
    Promise(APPLE, "runtime-traits", "--all-features"),
    Promise(APPLE, "runtime-default", ""),
];

pub(crate) fn run() -> Outcome {
    let mut shell = Shell::new();
    system::require(&mut shell, &COMPILER)?;
    system::require(&mut shell, &IMPORT_LIBRARIES)?;
    println!("compiler: {}", shell.ask(Line::new(RUSTC).arg("-V"))?);
    let results = PROMISES.map(|promise| check(&mut shell, &promise));
    shell.print_times();
    print_table(&results);
    if results.contains(&false) {
        return Err("not all platforms type-check; the compiler's reasons stand above".into());
    }
    Ok(std::process::ExitCode::SUCCESS)
}

fn check(shell: &mut Shell, Promise(target, package, features): &Promise) -> bool {
    let build_std = if *target == THUMB { "core,alloc" } else { "std,panic_abort" };
    let line = Line::cargo()
        .words("check --target")
        .arg(target)
        .arg(format!("-Zbuild-std={build_std}"))
        .packages([*package])
        .words(features)
        .arg("--target-dir")
        .arg(shell.target.join("platforms"));
    shell.run(with_compiler(line))
}

/// Lets the distribution's stable compiler accept the flags that build a standard library.
pub(crate) fn with_compiler(line: Line) -> Line {
    line.env("RUSTC", RUSTC).env("RUSTDOC", RUSTDOC).env("RUSTC_BOOTSTRAP", "1")
}

fn print_table(results: &[bool]) {
    println!("\n{:<24} {:<16} {:<42} result", "target", "crate", "features");
    for (Promise(target, package, features), passed) in PROMISES.iter().zip(results) {
        let features = if features.is_empty() { "default" } else { features };
        let result = if *passed { "ok" } else { "FAILED" };
        println!("{target:<24} {package:<16} {features:<42} {result}");
    }
}
