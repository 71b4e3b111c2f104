//! The README shows the program that is compiled here, to the letter.

#![forbid(unsafe_code)]

const README: &str = include_str!("../../../README.md");
const PROGRAM: &str = include_str!("../src/main.rs");

#[test]
fn the_readme_quotes_the_program() {
    let quoted = first_rust_block(README).expect("README.md has a block of Rust");
    assert!(
        PROGRAM.contains(quoted),
        "README.md and examples/readme/src/main.rs differ; make them the same. README.md has:\n{quoted}"
    );
}

/// What stands between the first fence that says `rust` and the next one.
fn first_rust_block(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("```rust\n")?;
    let (block, _) = rest.split_once("```")?;
    Some(block)
}
