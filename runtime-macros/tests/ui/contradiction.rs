//! Worker threads, and none.

#[runtime_macros::default_main(worker_threads = 2, flavor = "current_thread")]
async fn main() {}
