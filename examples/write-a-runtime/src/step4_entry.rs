//! Step 4: the way in.
//!
//! `#[pico::main] async fn main()` becomes `fn main() { pico::entry(|_| {}, main()) }`. The attribute
//! itself is ten lines in `examples/write-a-runtime-macros`.

use std::future::Future;

use runtime_traits::entry::Config;

use crate::Pico;

/// Runs `main` on a runtime of its own, which ends with it. Tasks that are left then are dropped.
///
/// # Panics
///
/// If the options ask for what pico does not have, or the system has no descriptors left.
pub fn entry<F: Future>(configure: impl FnOnce(&mut Config), main: F) -> F::Output {
    let config = Config::from_fn(configure);
    let threads = config.worker_threads.unwrap_or(1);
    assert!(threads == 1, "pico polls tasks on one thread, not on {threads}: drop the option");
    let pico = Pico::new().expect("pico needs two descriptors for its bell");
    config.check(&pico.handle());
    pico.handle().block_on(main).expect("nobody else can be inside a runtime that is new")
}
