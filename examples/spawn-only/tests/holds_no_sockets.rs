//! Builds the program as a user would, and looks for what it imports from the C library.
//!
//! Names of imported functions stand in the file's symbol table as plain bytes with a zero before and
//! behind, whatever the tools at hand: so the test searches for these.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// What only a program with sockets needs. `socketpair` is not among them.
const SOCKETS: [&str; 6] = ["getaddrinfo", "socket", "connect", "accept", "accept4", "bind"];

#[test]
fn a_program_that_only_spawns_links_no_sockets() {
    let program = std::fs::read(build()).unwrap();
    assert!(imports(&program, "pthread_create") || imports(&program, "epoll_wait"), "stripped?");
    let linked: Vec<_> = SOCKETS.into_iter().filter(|name| imports(&program, name)).collect();
    assert!(!contains(&program, b"runtime_traits3net"), "it only spawns, but holds our `net`");
    assert!(linked.is_empty(), "it only spawns, but links {linked:?}: which getter keeps them?");
}

/// The release build, in a directory of its own: the profile under test may be another.
fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spawn-only");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--package", "spawn-only", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(status.unwrap().success(), "cargo build failed");
    target.join("release/spawn-only")
}

/// Whether `name` is in the symbol table: alone, or with a version (`name@GLIBC_2.2.5`).
fn imports(program: &[u8], name: &str) -> bool {
    let symbol = [b"\0", name.as_bytes()].concat();
    let mut windows = program.windows(symbol.len() + 1);
    windows.any(|at| at.starts_with(&symbol) && matches!(at.last(), Some(0 | b'@')))
}

fn contains(program: &[u8], bytes: &[u8]) -> bool {
    program.windows(bytes.len()).any(|at| at == bytes)
}
