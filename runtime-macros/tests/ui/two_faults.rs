//! Function and options are both reported.

#[runtime_macros::default_main(threads = 2)]
fn main() {}
