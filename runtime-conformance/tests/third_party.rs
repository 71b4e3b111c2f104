//! A crate outside the workspace, with a runtime of its own, gets its verdict by one dependency and one
//! file; and the documents show these.
//!
//! The crate is made in a temporary directory. It is built with what this workspace has locked and
//! downloaded, so nothing is fetched, and below this workspace's target directory, so that a second
//! run is short.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MANIFEST: &str = r#"[package]
name = "tiny"
version = "0.1.0"
edition = "2024"

[dependencies]
runtime-traits = { path = "WORKSPACE/runtime-traits", default-features = false, features = ["std"] }

[dev-dependencies]
runtime-conformance = { path = "WORKSPACE/runtime-conformance" }

[[test]]
name = "conformance"
harness = false

[workspace]
"#;

/// Removed at the end.
struct Crate(PathBuf);

impl Crate {
    fn new() -> Crate {
        let place = std::env::temp_dir().join(format!("third-party-{}", std::process::id()));
        fs::create_dir_all(place.join("src")).unwrap();
        fs::create_dir_all(place.join("tests")).unwrap();
        let manifest = MANIFEST.replace("WORKSPACE", &workspace().to_string_lossy());
        fs::write(place.join("Cargo.toml"), manifest).unwrap();
        fs::write(place.join("src/lib.rs"), include_str!("third_party/runtime.rs")).unwrap();
        let test = include_str!("third_party/conformance.rs");
        fs::write(place.join("tests/conformance.rs"), test).unwrap();
        fs::copy(workspace().join("Cargo.lock"), place.join("Cargo.lock")).unwrap();
        Crate(place)
    }

    fn test(&self, arguments: &[&str]) -> Output {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or(workspace().join("target"), PathBuf::from);
        Command::new(env!("CARGO"))
            .args(["test", "--offline", "--quiet", "--test", "conformance", "--"])
            .args(arguments)
            .current_dir(&self.0)
            .env("CARGO_TARGET_DIR", target.join("third-party"))
            .env_remove("RUSTFLAGS")
            .env_remove("CONFORMANCE_OUT")
            .output()
            .unwrap()
    }
}

impl Drop for Crate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn a_stranger_gets_a_verdict_by_one_dependency_and_one_file() {
    let stranger = Crate::new();
    let out = stranger.0.join("out");
    let output = stranger.test(&["--quick", "--out", out.to_str().unwrap()]);
    let report = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{report}\n{errors}");
    assert!(report.contains("/ core / MUST"), "{report}");
    assert!(report.contains(": conformant (exit 0"), "{report}");
    assert!(fs::read_to_string(out.join("conformance.html")).unwrap().contains("tiny"));
}

/// What the README and the page for runtime authors show is from these files, or from the hooks: it
/// compiles. Blocks with something left out (`…`) are excepted.
#[test]
fn the_documents_show_what_a_stranger_writes() {
    let manifest = MANIFEST.replace("{ path = \"WORKSPACE/runtime-conformance\" }", "\"0.1\"");
    let hooks = workspace().join("runtime-hooks/src/hooks/reactor.rs");
    let hooks = fs::read_to_string(hooks).unwrap();
    let test = include_str!("third_party/conformance.rs");
    let sources = [&manifest, include_str!("third_party/runtime.rs"), test, &hooks].map(unindented);
    let readme = include_str!("../README.md");
    assert!(readme.contains(&format!("```rust\n{test}```")), "the README shows another file");
    let usage = readme.split("## Verdicts").next().unwrap_or_default();
    let page = workspace().join("docs/runtime-authors.md");
    for text in [usage, &fs::read_to_string(page).unwrap()] {
        for block in blocks(text).filter(|block| !block.contains('…')) {
            let block = unindented(block);
            let shown = sources.iter().any(|source| source.contains(&block));
            assert!(shown, "not in tests/third_party, nor in the hooks:\n{block}");
        }
    }
}

/// The pieces of Rust and TOML in a document.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let inside = text.split("\n```").skip(1).step_by(2);
    inside.filter_map(|block| block.strip_prefix("rust\n").or(block.strip_prefix("toml\n")))
}

fn unindented(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}
