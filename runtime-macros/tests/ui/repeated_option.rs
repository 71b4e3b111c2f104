//! Saying it twice.

#[runtime_macros::default_main(worker_threads = 2, worker_threads = 3)]
async fn main() {}

#[runtime_macros::default_test(require(timer, net, timer))]
async fn capability() {}

#[runtime_macros::main(runtime(crate::a), runtime(crate::b))]
async fn runtime() {}

#[runtime_macros::test(runtime(crate::a), runtimes(crate::b))]
async fn test() {}
