//! FAIR-5: the task that was spawned last waits for its worker, even if another one is idle.
//! Fails when upstream is mended.
use std::{sync::mpsc::channel, time::Duration};
use tokio::{runtime::Builder, spawn};

fn main() {
    let tokio = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let long = async {
        let (runs, ran) = channel();
        let behind = spawn(async move { runs.send(()) });
        let taken = ran.recv_timeout(Duration::from_secs(3)).is_ok();
        drop(behind);
        taken
    };
    let taken = tokio.block_on(async { spawn(long).await.unwrap() });
    assert!(!taken, "mended: take FAIR-5 out of conformance.toml");
}
