//! Collecting what a child writes.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use std::vec::Vec;

use super::pipes::Link;
use crate::io;

/// All that comes through `link`, if there is one. Closes it, also after an error: nobody will read
/// what the child still writes, and it must not wait for that.
pub(super) async fn collect(link: Option<Link>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(link) = link {
        link.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Both outputs, side by side.
pub(super) async fn both<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut a, mut b) = (None, None);
    poll_fn(|cx| {
        if a.is_none() {
            if let Poll::Ready(output) = one.as_mut().poll(cx) {
                a = Some(output);
            }
        }
        if b.is_none() {
            if let Poll::Ready(output) = other.as_mut().poll(cx) {
                b = Some(output);
            }
        }
        if a.is_none() || b.is_none() {
            return Poll::Pending;
        }
        Poll::Ready(a.take().zip(b.take()).expect("both are there"))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::future::ready;
    use core::task::{Context, Waker};

    #[test]
    fn both_are_polled_and_each_ends_once() {
        let mut turns = 0;
        let slow = poll_fn(|_| {
            turns += 1;
            if turns < 3 { Poll::Pending } else { Poll::Ready(turns) }
        });
        let mut join = pin!(both(ready('a'), slow));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(join.as_mut().poll(&mut cx).is_pending());
        assert!(join.as_mut().poll(&mut cx).is_pending());
        assert_eq!(join.as_mut().poll(&mut cx), Poll::Ready(('a', 3)));
    }
}
