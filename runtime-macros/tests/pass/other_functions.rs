//! Not only `main`: any function may start a runtime, with arguments, visibility, attributes.
#![deny(warnings)]

#[path = "../support/toy.rs"]
mod toy;

/// The argument has the name of the function, and one is a pattern.
#[runtime_macros::main(runtime(crate::toy))]
#[must_use]
pub async fn sum(mut sum: u8, (a, b): (u8, u8)) -> u8 {
    toy::yield_once().await;
    sum += a;
    sum + b
}

#[runtime_macros::main(runtime(crate::toy))]
async fn measured(text: &str, make: impl Fn(usize) -> usize) -> usize {
    make(text.len())
}

#[runtime_macros::main(runtime(toy))]
async fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

struct Program;

impl Program {
    #[runtime_macros::main(runtime(toy))]
    async fn run() -> u8 {
        7
    }
}

fn main() {
    assert_eq!(sum(1, (2, 3)), 6);
    assert_eq!(measured("four", |length| length + 1), 5);
    assert_eq!(first_word("one two"), "one");
    assert_eq!(Program::run(), 7);
}
