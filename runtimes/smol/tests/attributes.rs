//! `#[runtime_smol::main]` and `#[runtime_smol::test]`.
#![cfg(feature = "macros")]

use runtime_traits::Handle;

#[runtime_smol::test]
async fn a_test_runs_on_smol() {
    assert_eq!(Handle::current().info().name, "smol");
    assert_eq!(runtime_traits::spawn(async { 1 }).await.unwrap(), 1);
    smol::future::yield_now().await;
}

#[runtime_smol::test(worker_threads = 2, require(timer, net, blocking, local, block_on))]
async fn options_are_heard() -> Result<(), runtime_traits::JoinError> {
    assert_eq!(Handle::current().info().workers, 2);
    runtime_traits::spawn(async {}).await
}

#[runtime_smol::test(flavor = "current_thread")]
async fn tasks_run_on_this_thread() {
    let here = std::thread::current().id();
    let there = runtime_traits::spawn(async { std::thread::current().id() }).await.unwrap();
    assert_eq!(here, there);
}

#[runtime_smol::test(require(completion))]
#[should_panic(expected = "completion")]
async fn what_is_missing_is_named() {}

#[runtime_smol::main(flavor = "current_thread")]
async fn program() -> u32 {
    runtime_traits::spawn(async { 5 }).await.unwrap()
}

#[test]
fn a_program_returns_what_it_likes() {
    assert_eq!(program(), 5);
}
