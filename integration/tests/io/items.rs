//! An iterator that blocks, as a stream.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use futures_lite::StreamExt as _;
use runtime_traits::io::Unblock;

use crate::objects::Opens;
use crate::support::{Drops, Gate, alone, on_every_runtime, panic_of, poll_once, text};

/// The numbers from 0, as many as `len`; counts its calls, and may not be asked after the end.
struct Numbers {
    len: usize,
    calls: Arc<AtomicUsize>,
    ended: bool,
}

impl Numbers {
    fn new(len: usize) -> Numbers {
        Numbers { len, calls: Arc::default(), ended: false }
    }
}

impl Iterator for Numbers {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        assert!(!self.ended, "asked after the end");
        let n = self.calls.fetch_add(1, SeqCst);
        self.ended = n == self.len;
        (n < self.len).then_some(n)
    }
}

on_every_runtime! {
    async fn all_items_come_in_order_and_then_the_end() {
        for len in [0, 1, 31, 32, 33, 1000] {
            let mut numbers = Unblock::new(Numbers::new(len));
            for n in 0..len {
                assert_eq!(numbers.next().await, Some(n));
            }
            for _ in 0..3 {
                assert_eq!(numbers.next().await, None);
            }
        }
    }

    async fn each_item_is_seen_at_once() {
        let gates: Vec<Gate> = (0..3).map(|_| Gate::default()).collect();
        let theirs = gates.clone();
        let mut passes = Unblock::new(theirs.into_iter().enumerate().map(|(n, gate)| {
            gate.pass();
            n
        }));
        for (n, gate) in gates.iter().enumerate() {
            assert!(poll_once(std::pin::pin!(passes.next())).await.is_pending());
            gate.open();
            assert_eq!(passes.next().await, Some(n), "though the one after it is not there yet");
        }
        assert_eq!(passes.next().await, None);
    }

    async fn few_are_made_before_they_are_asked_for() {
        let numbers = Numbers::new(usize::MAX);
        let calls = Arc::clone(&numbers.calls);
        let mut numbers = Unblock::new(numbers);
        assert_eq!(numbers.next().await, Some(0));
        numbers.get_ref().await; // the job has ended
        let made = calls.load(SeqCst);
        assert!((32..=33).contains(&made), "{made}");
        for n in 1..made {
            assert_eq!(numbers.next().await, Some(n));
        }
        assert_eq!(calls.load(SeqCst), made);
    }

    async fn a_stream_that_is_dropped_stops_the_iterator() {
        let (drops, gone) = (Drops::default(), Gate::default());
        let (begun, gate) = (Gate::default(), Gate::default());
        let (begins, passes) = (begun.clone(), gate.clone());
        let kept = (drops.probe(), Opens(gone.clone()));
        let numbers = Numbers::new(usize::MAX);
        let calls = Arc::clone(&numbers.calls);
        let mut numbers = Unblock::new(numbers.inspect(move |n| {
            let _kept = &kept;
            if *n == 1 {
                begins.open();
                passes.pass();
            }
        }));
        assert_eq!(numbers.next().await, Some(0));
        begun.wait().await;
        drop(numbers);
        assert_eq!(drops.get(), 0, "the job has it");
        gate.open();
        gone.wait().await;
        assert_eq!((drops.get(), calls.load(SeqCst)), (1, 2));
    }

    async fn a_panic_comes_after_the_items_and_is_the_end() {
        let mut numbers = Unblock::new((0..).inspect(|n| assert!(*n < 5, "no more than five")));
        for n in 0..5 {
            assert_eq!(numbers.next().await, Some(n));
        }
        let caught = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| poll(&mut numbers, cx))) {
            Ok(polled) => polled.map(|item| panic!("{item:?} instead of a panic")),
            Err(payload) => Poll::Ready(payload),
        });
        assert_eq!(text(&*caught.await), "no more than five");
        assert_eq!(numbers.next().await, None);
    }
}

fn poll<T>(numbers: &mut Unblock<T>, cx: &mut Context<'_>) -> Poll<Option<i32>>
where
    T: Iterator<Item = i32> + Send + 'static,
{
    Pin::new(numbers).poll_next(cx)
}

#[test]
fn without_a_runtime_it_panics_and_says_why() {
    let mut numbers = Unblock::new(Numbers::new(1));
    let (text, _) = panic_of(|| alone(numbers.next()));
    assert!(text.contains("no runtime is current"), "{text}");
}
