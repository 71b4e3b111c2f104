//! Tasks that end together.
//!
//! # How it works
//!
//! Each member's handle is polled with a waker of its own, which puts the member's number on the
//! ready list and wakes the group. So a group of *n* looks at those that finished, not at all *n*.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::{Mutex, PoisonError};

use futures_core::Stream;

use super::JoinHandle;
use crate::JoinError;

/// Owns tasks: dropping the group aborts those that are left.
///
/// Members are given back as they finish, by [`join_next`](TaskGroup::join_next) or as a `Stream`.
///
/// ```
/// use runtime_traits::task::TaskGroup;
///
/// async fn squares() -> u32 {
///     let mut group = TaskGroup::new();
///     for n in 1..=3 {
///         group.spawn(async move { n * n });
///     }
///     let mut sum = 0;
///     while let Some(square) = group.join_next().await {
///         sum += square.unwrap();
///     }
///     sum
/// }
/// ```
#[must_use = "dropping a group aborts its tasks"]
pub struct TaskGroup<T> {
    members: Vec<Option<Member<T>>>,
    /// Numbers in `members` that are free.
    free: Vec<usize>,
    ready: Arc<Ready>,
}

struct Member<T> {
    join: JoinHandle<T>,
    waker: Waker,
}

/// Which members to look at.
#[derive(Default)]
struct Ready(Mutex<ReadyState>);

#[derive(Default)]
struct ReadyState {
    numbers: VecDeque<usize>,
    group: Option<Waker>,
}

/// Wakes the group for one member.
struct MemberWaker {
    number: usize,
    ready: Arc<Ready>,
}

impl Wake for MemberWaker {
    fn wake(self: Arc<Self>) {
        if let Some(group) = self.ready.push(self.number) {
            group.wake();
        }
    }
}

impl Ready {
    fn with<R>(&self, f: impl FnOnce(&mut ReadyState) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lists a member; answers the waker to wake, outside the lock.
    fn push(&self, number: usize) -> Option<Waker> {
        self.with(|state| {
            state.numbers.push_back(number);
            state.group.take()
        })
    }

    /// The next member to look at; otherwise keeps `waker`.
    fn pop_or_wait(&self, waker: &Waker) -> Option<usize> {
        let waker = waker.clone(); // foreign code, outside the lock
        let (number, old) = self.with(|state| match state.numbers.pop_front() {
            Some(number) => (Some(number), Some(waker)),
            None => (None, state.group.replace(waker)),
        });
        drop(old);
        number
    }
}

impl<T: 'static> TaskGroup<T> {
    /// An empty group.
    pub fn new() -> TaskGroup<T> {
        TaskGroup { members: Vec::new(), free: Vec::new(), ready: Arc::default() }
    }

    /// Starts a task in the group.
    ///
    /// # Panics
    ///
    /// If no runtime is current.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F)
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn(future));
    }

    /// Takes a task that runs already into the group.
    pub fn insert(&mut self, join: JoinHandle<T>) {
        let number = self.free.pop().unwrap_or_else(|| {
            self.members.push(None);
            self.members.len() - 1
        });
        let waker = Waker::from(Arc::new(MemberWaker { number, ready: self.ready.clone() }));
        self.members[number] = Some(Member { join, waker });
        // Look at it once, so that its handle learns the waker.
        if let Some(group) = self.ready.push(number) {
            group.wake();
        }
    }

    /// How many tasks are in it.
    pub fn len(&self) -> usize {
        self.members.len() - self.free.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Asks every member to stop. Their outcomes still come.
    pub fn abort_all(&self) {
        for member in self.members.iter().flatten() {
            member.join.abort();
        }
    }

    /// The outcome of the next member that finishes; `None` when the group is empty.
    ///
    /// # Cancellation
    ///
    /// **Safe**: an outcome is taken out only when it is returned.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// Asks every member to stop and waits until all have.
    ///
    /// # Cancellation
    ///
    /// **Leaves running**: the members stop all the same.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// [`join_next`](TaskGroup::join_next), by polling.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        while let Some(number) = self.ready.pop_or_wait(cx.waker()) {
            if let Poll::Ready(outcome) = self.poll_member(number) {
                return Poll::Ready(Some(outcome));
            }
        }
        Poll::Pending
    }

    fn poll_member(&mut self, number: usize) -> Poll<Result<T, JoinError>> {
        // A number may be listed twice, or have been freed meanwhile.
        let Some(Some(member)) = self.members.get_mut(number) else { return Poll::Pending };
        let polled = Pin::new(&mut member.join).poll(&mut Context::from_waker(&member.waker));
        if polled.is_ready() {
            self.members[number] = None;
            self.free.push(number);
        }
        polled
    }
}

impl<T: 'static> Default for TaskGroup<T> {
    fn default() -> Self {
        TaskGroup::new()
    }
}

impl<T> Drop for TaskGroup<T> {
    fn drop(&mut self) {
        for member in self.members.iter().flatten() {
            member.join.abort();
        }
    }
}

impl<T: 'static> Stream for TaskGroup<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_join_next(cx)
    }
}

impl<T> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.members.len() - self.free.len();
        f.debug_struct("TaskGroup").field("len", &len).finish()
    }
}
