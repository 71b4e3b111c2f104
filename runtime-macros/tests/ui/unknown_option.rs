//! Options that do not exist, or belong to another attribute.

#[runtime_macros::default_main(threads = 2)]
async fn main() {}

#[runtime_macros::main(crate::toy)]
async fn path() {}

#[runtime_macros::test(runtime_default)]
async fn test() {}

#[runtime_macros::default_main("multi_thread")]
async fn literal() {}

#[runtime_macros::default_main(runtime(runtime_tokio))]
async fn runtime() {}

#[runtime_macros::main(runtimes(runtime_default, runtime_tokio))]
async fn runtimes() {}

#[runtime_macros::default_main(worker_threads = 2 flavor = "multi_thread")]
async fn comma() {}
