//! `io::split` of a stream that wakes while it is polled, by a waker that polls the other half.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use runtime_traits::io::{self, AsyncRead, AsyncWrite, WriteHalf};

use crate::support::watched;

/// Wakes from inside each read, and then may panic. Takes what is written.
struct Wakes {
    panics: bool,
}

impl AsyncRead for Wakes {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        cx.waker().wake_by_ref();
        assert!(!self.panics, "as it should");
        Poll::Ready(Ok(1))
    }
}

impl AsyncWrite for Wakes {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Counts wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A waker that writes on the spot, in the name of another.
struct Writes {
    half: Mutex<WriteHalf<Wakes>>,
    answer: Mutex<Option<Poll<io::Result<usize>>>>,
    name: Waker,
}

impl Writes {
    fn of(half: WriteHalf<Wakes>) -> (Arc<Writes>, Arc<Count>) {
        let woken = Arc::new(Count::default());
        let name = woken.clone().into();
        (Arc::new(Writes { half: Mutex::new(half), answer: Mutex::default(), name }), woken)
    }
}

impl Wake for Writes {
    fn wake(self: Arc<Self>) {
        let mut half = self.half.lock().unwrap();
        let cx = &mut Context::from_waker(&self.name);
        *self.answer.lock().unwrap() = Some(Pin::new(&mut *half).poll_write(cx, b"on the spot"));
    }
}

#[test]
fn a_waker_may_poll_the_other_half() {
    watched("none", || {
        let (mut reader, writer) = io::split(Wakes { panics: false });
        let (writes, woken) = Writes::of(writer);
        let waker = Waker::from(writes.clone());
        for n in 1..=3 {
            let read = Pin::new(&mut reader).poll_read(&mut Context::from_waker(&waker), &mut [0]);
            assert!(matches!(read, Poll::Ready(Ok(1))));
            let answer = writes.answer.lock().unwrap().take();
            assert!(matches!(answer, Some(Poll::Pending)), "the stream was in use");
            assert_eq!(woken.0.load(SeqCst), n, "and now it is not");
        }
        // Now it is nobody's.
        writes.clone().wake();
        let answer = writes.answer.lock().unwrap().take();
        assert!(matches!(answer, Some(Poll::Ready(Ok(11)))));
        assert_eq!(woken.0.load(SeqCst), 3);
    });
}

/// The half that gave way hears of it, though the poll did not return.
#[test]
fn a_panic_of_one_half_is_not_the_other_s() {
    watched("none", || {
        let (mut reader, writer) = io::split(Wakes { panics: true });
        let (writes, woken) = Writes::of(writer);
        let waker = Waker::from(writes.clone());
        crate::support::panic_of(|| {
            let cx = &mut Context::from_waker(&waker);
            Pin::new(&mut reader).poll_read(cx, &mut [0])
        });
        assert!(matches!(writes.answer.lock().unwrap().take(), Some(Poll::Pending)));
        assert_eq!(woken.0.load(SeqCst), 1);
        writes.clone().wake();
        assert!(matches!(writes.answer.lock().unwrap().take(), Some(Poll::Ready(Ok(11)))));
    });
}
