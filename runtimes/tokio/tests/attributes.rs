//! `#[runtime_tokio::main]` and `#[runtime_tokio::test]`.
#![cfg(feature = "macros")]

use runtime_traits::Handle;

#[runtime_tokio::test]
async fn a_test_runs_on_tokio() {
    assert_eq!(Handle::current().info().name, "tokio");
    assert_eq!(runtime_traits::spawn(async { 1 }).await.unwrap(), 1);
    tokio::task::yield_now().await;
}

#[runtime_tokio::test(worker_threads = 2, require(timer, net, blocking, local, block_on))]
async fn options_are_heard() -> Result<(), runtime_traits::JoinError> {
    assert_eq!(Handle::current().info().workers, 2);
    runtime_traits::spawn(async {}).await
}

#[runtime_tokio::test(flavor = "current_thread")]
async fn tasks_run_on_this_thread() {
    let here = std::thread::current().id();
    let there = runtime_traits::spawn(async { std::thread::current().id() }).await.unwrap();
    assert_eq!(here, there);
}

#[runtime_tokio::test(require(completion))]
#[should_panic(expected = "completion")]
async fn what_is_missing_is_named() {}

#[runtime_tokio::main(flavor = "current_thread")]
async fn program() -> u32 {
    runtime_traits::spawn(async { 5 }).await.unwrap()
}

#[test]
fn a_program_returns_what_it_likes() {
    assert_eq!(program(), 5);
}
