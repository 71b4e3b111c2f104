//! Pieces that many mutants are made of: join handles and futures whose types were forgotten.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use runtime_conformance::twist::{AnyFuture, AnyJoin, AnyOutput};
use runtime_traits::JoinError;

/// The join handle of a task that will never end.
#[allow(dead_code, reason = "for groups")]
pub(crate) struct Never;

impl AnyJoin for Never {
    fn poll_join(&mut self, _: &mut Context<'_>) -> Poll<Result<AnyOutput, JoinError>> {
        Poll::Pending
    }

    fn abort(&self) {}

    fn is_finished(&self) -> bool {
        false
    }
}

/// A join handle that passes everything on: override what is wrong.
pub(crate) struct Join<W: OnJoin> {
    inner: Box<dyn AnyJoin>,
    with: W,
}

/// What is different about a join handle. Each default body passes on.
pub(crate) trait OnJoin: Send {
    fn poll_join(
        &mut self,
        inner: &mut dyn AnyJoin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AnyOutput, JoinError>> {
        inner.poll_join(cx)
    }

    fn abort(&self, inner: &dyn AnyJoin) {
        inner.abort();
    }

    fn is_finished(&self, inner: &dyn AnyJoin) -> bool {
        inner.is_finished()
    }

    /// The handle is being dropped; afterwards `inner` is.
    fn on_drop(&mut self, inner: &mut dyn AnyJoin) {
        let _ = inner;
    }
}

impl<W: OnJoin + 'static> Join<W> {
    pub(crate) fn boxed(inner: Box<dyn AnyJoin>, with: W) -> Box<dyn AnyJoin> {
        Box::new(Join { inner, with })
    }
}

impl<W: OnJoin> AnyJoin for Join<W> {
    fn poll_join(&mut self, cx: &mut Context<'_>) -> Poll<Result<AnyOutput, JoinError>> {
        self.with.poll_join(&mut *self.inner, cx)
    }

    fn abort(&self) {
        self.with.abort(&*self.inner);
    }

    fn is_finished(&self) -> bool {
        self.with.is_finished(&*self.inner)
    }
}

impl<W: OnJoin> Drop for Join<W> {
    fn drop(&mut self) {
        self.with.on_drop(&mut *self.inner);
    }
}

/// A task's future that passes everything on: override what is wrong.
pub(crate) struct Wrapped<W: OnPoll> {
    future: Option<AnyFuture>,
    with: W,
}

/// What is different about a task's future. Each default body passes on.
pub(crate) trait OnPoll: Send + Unpin {
    fn poll(&mut self, future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        poll(future, cx)
    }

    /// The task's future is being dropped; afterwards what is left of it is.
    fn on_drop(&mut self, future: &mut Option<AnyFuture>) {
        let _ = future;
    }
}

/// Polls what is there.
pub(crate) fn poll(future: &mut Option<AnyFuture>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
    future.as_mut().expect("taken by nobody yet").as_mut().poll(cx)
}

/// `future`, with `with` between it and who polls it.
pub(crate) fn wrapped<W: OnPoll + 'static>(future: AnyFuture, with: W) -> AnyFuture {
    Box::pin(Wrapped { future: Some(future), with })
}

impl<W: OnPoll> Future for Wrapped<W> {
    type Output = AnyOutput;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<AnyOutput> {
        let this = &mut *self;
        this.with.poll(&mut this.future, cx)
    }
}

impl<W: OnPoll> Drop for Wrapped<W> {
    fn drop(&mut self) {
        self.with.on_drop(&mut self.future);
    }
}
