//! Words that a function for a runtime cannot have.

#[runtime_macros::default_main]
async unsafe fn run() {}

fn main() {}
