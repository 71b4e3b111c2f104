//! BLOCKON-5: tokio gives a current-thread runtime's timers to nobody while a poll takes long.
//! Fails when upstream is mended. Polling roots outside tokio would not help where a task blocks.
use std::{sync::mpsc::channel, thread, time::Duration};
use tokio::{runtime::Builder, spawn, time::sleep};
fn main() {
    let tokio = Builder::new_current_thread().enable_time().build().unwrap();
    let ((begins, begun), (fires, fired)) = (channel(), channel());
    let long = async move {
        begins.send(()).unwrap();
        fired.recv_timeout(Duration::from_secs(3)).is_ok()
    };
    let in_time = thread::scope(|scope| {
        let first = scope.spawn(|| tokio.block_on(async { spawn(long).await }));
        begun.recv().unwrap();
        tokio.block_on(async { sleep(Duration::from_millis(1)).await });
        let _ = fires.send(()); // an error: nobody waits any more
        first.join().unwrap().unwrap()
    });
    assert!(!in_time, "mended: take BLOCKON-5 out of conformance.toml");
}
