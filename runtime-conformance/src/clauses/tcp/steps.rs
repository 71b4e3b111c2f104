//! Small steps that clauses about sockets are made of.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::rig::Rig;
use crate::rt::Rt;

/// Runs `body` as a task of `rt`, hence with `rt` current, and drives until it has ended.
///
/// # Panics
///
/// If the task did not end well: the text starts with `waiting_for`, which starts with the clause.
pub(crate) fn in_task<T: Send + 'static>(
    rig: &Rig<'_>,
    rt: &Rt,
    waiting_for: &str,
    body: impl Future<Output = T> + Send + 'static,
) -> T {
    let task = rt.spawn(body);
    let outcome = rig.drive(rt, waiting_for, task);
    outcome.unwrap_or_else(|error| panic!("{waiting_for}: the task of the test ended: {error}"))
}

/// Polls `future` once, with the waker of the task that awaits this.
pub(crate) async fn once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Returns when the task that awaits this is woken: by whatever was polled before, and is pending.
pub(crate) async fn until_woken() {
    let mut waits = true;
    poll_fn(|_| match std::mem::take(&mut waits) {
        true => Poll::Pending,
        false => Poll::Ready(()),
    })
    .await;
}

/// Awaits `future`, and calls `note` whenever it is pending.
pub(crate) async fn noting_pending<F: Future>(future: F, mut note: impl FnMut()) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            note();
        }
        polled
    })
    .await
}

/// The byte at this place of every stream that a test sends: a byte that is lost, doubled or out of
/// place is noticed where it happens.
pub(crate) const fn byte_at(place: usize) -> u8 {
    ((place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// Bytes `from..from + len` of a test's stream.
pub(crate) fn bytes_at(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(byte_at).collect()
}

/// Where `bytes` differs from what belongs at `from`.
pub(crate) fn wrong_at(from: usize, bytes: &[u8]) -> Option<usize> {
    bytes
        .iter()
        .enumerate()
        .map(|(i, byte)| (from + i, *byte))
        .find_map(|(place, byte)| (byte != byte_at(place)).then_some(place))
}
