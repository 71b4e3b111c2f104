//! Tests are named after runtimes, so these must differ.

#[runtime_macros::test(runtimes(one::toy, runtime_default, other::toy))]
async fn test() {}

#[runtime_macros::test(runtimes(runtime_default, runtime_tokio))]
async fn runtime_tokio() {}

fn main() {}
