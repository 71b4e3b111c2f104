//! Twins of `std::thread`: what a thread does there, a task does here.

use std::time::Duration;

use runtime_traits::task::{self, Builder, JoinHandle};
use runtime_traits::time;

use crate::twin;

pub(crate) fn twins() -> Vec<&'static str> {
    vec![
        twin("thread::spawn", |work: fn() -> u8| task::spawn(async move { work() })),
        twin("thread::sleep", async |delay: Duration| time::sleep(delay).await),
        twin("thread::yield_now", async || task::yield_now().await),
        twin("thread::Builder::new", Builder::new),
        twin("thread::Builder::name", |builder: Builder| builder.name("heartbeat")),
        twin("thread::Builder::spawn", |builder: Builder| builder.spawn(async {})),
        twin("thread::JoinHandle::join", async |handle: JoinHandle<u8>| handle.await),
        twin("thread::JoinHandle::is_finished", |handle: &JoinHandle<u8>| handle.is_finished()),
        twin("thread::JoinHandle::thread", |handle: &JoinHandle<u8>| handle.meta().name),
    ]
}
