//! Numbers of threads that are none.

#[runtime_macros::default_main(worker_threads = "2")]
async fn main() {}

#[runtime_macros::default_main(worker_threads = 0)]
async fn zero() {}

#[runtime_macros::default_main(worker_threads = -1)]
async fn negative() {}

#[runtime_macros::default_main(worker_threads = 100_000)]
async fn many() {}

#[runtime_macros::default_main(worker_threads = 2u8)]
async fn suffix() {}

#[runtime_macros::default_main(worker_threads(2))]
async fn parentheses() {}

#[runtime_macros::default_main(worker_threads = THREADS)]
async fn constant() {}
