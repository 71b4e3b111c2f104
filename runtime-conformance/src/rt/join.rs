//! The join handle, as the suite sees it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use runtime_traits::JoinError;
use runtime_traits::task::JoinHandle;

use crate::twist::AnyJoin;

/// A `JoinHandle`, or what a mutant gives for one. Dropping it detaches.
pub(crate) struct Join<T>(Inner<T>);

enum Inner<T> {
    Plain(JoinHandle<T>),
    Twisted(Box<dyn AnyJoin>, PhantomData<fn() -> T>),
}

impl<T> Join<T> {
    pub(crate) fn new(handle: JoinHandle<T>) -> Join<T> {
        Join(Inner::Plain(handle))
    }

    pub(crate) fn twisted(join: Box<dyn AnyJoin>) -> Join<T> {
        Join(Inner::Twisted(join, PhantomData))
    }

    /// `JoinHandle::abort`.
    pub(crate) fn abort(&self) {
        match &self.0 {
            Inner::Plain(handle) => handle.abort(),
            Inner::Twisted(join, _) => join.abort(),
        }
    }

    /// `JoinHandle::is_finished`.
    pub(crate) fn is_finished(&self) -> bool {
        match &self.0 {
            Inner::Plain(handle) => handle.is_finished(),
            Inner::Twisted(join, _) => join.is_finished(),
        }
    }
}

impl<T: 'static> Future for Join<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Inner::Plain(handle) => Pin::new(handle).poll(cx),
            Inner::Twisted(join, _) => join.poll_join(cx).map_ok(|output| {
                *output.downcast().expect("a twist gives the output that it was given")
            }),
        }
    }
}

impl<T> fmt::Debug for Join<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("finished", &self.is_finished()).finish()
    }
}
