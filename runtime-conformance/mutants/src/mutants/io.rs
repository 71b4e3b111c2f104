//! Mutants of the group IO: streams and functions that are dressed, so that no other group sees them.
//!
//! `dressed` has the stream that passes everything on.

use std::any::{Any, TypeId};
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use runtime_conformance::clauses::io::kinds::{AnyRead, AnyStream, AnyWrite, Blocks, IoCalls};
use runtime_conformance::clauses::tcp::transport::Boxed;
use runtime_conformance::twist::{Twist, fired};
use runtime_conformance_proactor::Fault;
use runtime_traits::io::{AsyncRead, AsyncWrite, Read, Write, copy, split};
use runtime_traits::net::TcpStream;

use super::Impossible;
use super::benign::completes::{self, Completes};
use crate::mutant::{Detection, Mutant};

mod dressed;

use dressed::{Dressed, OnStream};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-IO-1", "Reading into an empty buffer is taken for the end.", || {
        Calls::dressed(|stream| Dressed::boxed(stream, LatchesEnd(false)))
    })
    .breaks(&["IO-2"]),
    Mutant::twist(
        "M-IO-2",
        "Gathered and scattered calls use the first slice, empty or not.",
        || Calls::dressed(|stream| Dressed::boxed(stream, FirstSlice)),
    )
    .breaks(&["IO-7"]),
    Mutant::twist("M-IO-3", "The first waker is kept, whoever polls later.", || {
        Calls::dressed(|stream| Dressed::boxed(stream, FirstWaker::default()))
    })
    .breaks(&["IO-3"])
    .detected(Detection::Hangs),
    Mutant::twist("M-IO-4", "The halves of a stream share one place for a waker.", || {
        Calls::twist(IoCalls { halves: one_place, ..IoCalls::default() })
    })
    .breaks(&["IO-9"])
    .detected(Detection::Hangs),
    Mutant::twist("M-IO-5", "`copy` tries again when nothing is taken.", || {
        Calls::twist(IoCalls {
            copy: |reader, writer| Box::pin(stubborn_copy(reader, writer)),
            ..IoCalls::default()
        })
    })
    .breaks(&["IO-5"])
    .detected(Detection::Hangs),
    Mutant::twist("M-IO-6", "A cancelled read drops what it had received.", || {
        Calls::twist(IoCalls {
            cancelled: |stream, buf, when| Box::pin(cancel_and_lose(stream, buf, when)),
            ..IoCalls::default()
        })
    })
    .breaks(&["IO-10"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-IO-6b",
        "The memory of a dropped read is lent to the next, while it is still being filled.",
        || Completes::wrongly(Fault::LendsTwice),
    )
    .with(completes::WITH)
    .without(completes::WITHOUT)
    .breaks(&["IO-10"]),
    Mutant::twist("M-IO-6c", "A read that was done when it was cancelled is thrown away.", || {
        Completes::wrongly(Fault::LosesCancelled)
    })
    .with(completes::WITH)
    .without(completes::WITHOUT)
    .breaks(&["IO-10"])
    .detected(Detection::Hangs),
    Mutant::twist("M-IO-6d", "What is in flight at the end comes back without its buffer.", || {
        Completes::wrongly(Fault::KeepsAtEnd)
    })
    .with(completes::WITH)
    .without(completes::WITHOUT)
    .breaks(&["IO-10"]),
    Mutant::twist("M-IO-7", "The end is told twice, and is an error then.", || {
        Calls::dressed(|stream| Dressed::boxed(stream, EndsTwice(0)))
    })
    .breaks(&["IO-1"]),
    Mutant::twist("M-IO-8", "Closing flushes, and ends nothing.", || {
        Calls::dressed(|stream| Dressed::boxed(stream, ClosesNothing))
    })
    .breaks(&["IO-6"])
    .detected(Detection::Hangs),
    Mutant::twist("M-IO-9", "A read that fills its buffer may report a byte more.", || {
        Calls::dressed(|stream| Dressed::boxed(stream, Boasts))
    })
    .breaks(&["IO-4"]),
    Mutant::twist("M-IO-10", "After forty waits a read that would block says so.", || {
        Calls::dressed(|stream| Dressed::boxed(stream, LetsOut(0)))
    })
    .breaks(&["IO-8"]),
    Mutant::twist("M-IO-11", "A copy of both ways is over when one of them is.", || {
        Calls::twist(IoCalls {
            both_ways: |one, other| Box::pin(the_first_end(one, other)),
            ..IoCalls::default()
        })
    })
    .breaks(&["IO-11"]),
    Mutant::twist("M-IO-11b", "An end that goes is told before its last bytes.", || {
        Calls::twist(IoCalls { duplex: hasty_duplex, ..IoCalls::default() })
    })
    .breaks(&["IO-11"]),
    Mutant::twist("M-IO-12", "The last bytes before a flush are lost.", || {
        Calls::twist(IoCalls {
            unblock: |object| (IoCalls::default().unblock)(Box::new(LosesLast(object, Vec::new()))),
            ..IoCalls::default()
        })
    })
    .breaks(&["IO-12"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

/// A twist that replaces the calls of the group.
struct Calls(IoCalls);

impl Calls {
    fn twist(calls: IoCalls) -> Arc<dyn Twist> {
        Arc::new(Calls(calls))
    }

    fn dressed(dress: fn(AnyStream) -> AnyStream) -> Arc<dyn Twist> {
        Calls::twist(IoCalls { dress, ..IoCalls::default() })
    }
}

impl Twist for Calls {
    fn calls(&self, group: TypeId) -> Option<&dyn Any> {
        (group == TypeId::of::<IoCalls>()).then_some(&self.0)
    }
}

type Moved = Poll<io::Result<usize>>;

// ── M-IO-1 ──────────────────────────────────────────────────────────────────────────────────────

/// Whether it has ended, as it thinks.
struct LatchesEnd(bool);

impl OnStream for LatchesEnd {
    fn poll_read(&mut self, to: &mut AnyStream, cx: &mut Context<'_>, buf: &mut [u8]) -> Moved {
        if self.0 {
            fired();
            return Poll::Ready(Ok(0));
        }
        let polled = Pin::new(to).poll_read(cx, buf);
        self.0 = matches!(polled, Poll::Ready(Ok(0)));
        polled
    }
}

// ── M-IO-2 ──────────────────────────────────────────────────────────────────────────────────────

struct FirstSlice;

impl OnStream for FirstSlice {
    fn poll_read_vectored(
        &mut self,
        to: &mut AnyStream,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Moved {
        fired();
        let first = bufs.first_mut().map_or(&mut [][..], |first| first);
        Pin::new(to).poll_read(cx, first)
    }

    fn poll_write_vectored(
        &mut self,
        to: &mut AnyStream,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Moved {
        fired();
        Pin::new(to).poll_write(cx, bufs.first().map_or(&[], |first| first))
    }
}

// ── M-IO-3 ──────────────────────────────────────────────────────────────────────────────────────

/// Per direction.
#[derive(Default)]
struct FirstWaker([Option<Waker>; 2]);

impl FirstWaker {
    fn first(place: &mut Option<Waker>, cx: &Context<'_>) -> Waker {
        let first = place.get_or_insert_with(|| cx.waker().clone()).clone();
        if !first.will_wake(cx.waker()) {
            fired();
        }
        first
    }
}

impl OnStream for FirstWaker {
    fn poll_read(&mut self, to: &mut AnyStream, cx: &mut Context<'_>, buf: &mut [u8]) -> Moved {
        let first = FirstWaker::first(&mut self.0[0], cx);
        Pin::new(to).poll_read(&mut Context::from_waker(&first), buf)
    }

    fn poll_write(&mut self, to: &mut AnyStream, cx: &mut Context<'_>, buf: &[u8]) -> Moved {
        let first = FirstWaker::first(&mut self.0[1], cx);
        Pin::new(to).poll_write(&mut Context::from_waker(&first), buf)
    }
}

// ── M-IO-4 ──────────────────────────────────────────────────────────────────────────────────────

/// The one place.
#[derive(Default)]
struct Place(Mutex<Option<Waker>>);

impl Place {
    fn put(&self, waker: &Waker) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if place.replace(waker.clone()).is_some_and(|other| !other.will_wake(waker)) {
            fired();
        }
    }
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

fn one_place(reader: AnyRead, writer: AnyWrite) -> (AnyRead, AnyWrite) {
    let place = Arc::<Place>::default();
    (Box::new(Half(reader, place.clone())), Box::new(Half(writer, place)))
}

struct Half<T>(T, Arc<Place>);

impl<T> Half<T> {
    fn polled<R>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut T, &mut Context<'_>) -> R,
    ) -> R {
        self.1.put(cx.waker());
        poll(&mut self.0, &mut Context::from_waker(&self.1.clone().into()))
    }
}

impl AsyncRead for Half<AnyRead> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Moved {
        self.polled(cx, |reader, cx| Pin::new(reader).poll_read(cx, buf))
    }
}

impl AsyncWrite for Half<AnyWrite> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Moved {
        self.polled(cx, |writer, cx| Pin::new(writer).poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.polled(cx, |writer, cx| Pin::new(writer).poll_flush(cx))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.polled(cx, |writer, cx| Pin::new(writer).poll_close(cx))
    }
}

// ── M-IO-5 ──────────────────────────────────────────────────────────────────────────────────────

async fn stubborn_copy(mut reader: AnyRead, mut writer: AnyWrite) -> io::Result<u64> {
    let (mut chunk, mut total) = (vec![0; 8192], 0);
    loop {
        let n = poll_fn(|cx| Pin::new(&mut reader).poll_read(cx, &mut chunk)).await?;
        if n == 0 {
            return Ok(total);
        }
        let mut rest = chunk.get(..n).ok_or_else(|| io::Error::other("more than there is"))?;
        while !rest.is_empty() {
            let n = poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, rest)).await?;
            rest = rest.get(n..).ok_or_else(|| io::Error::other("more than it was given"))?;
            total += n as u64;
            if n == 0 {
                fired();
                give_way().await;
            }
        }
    }
}

/// Pending once, having woken.
async fn give_way() {
    let mut given = false;
    let mut once = pin!(poll_fn(|cx: &mut Context<'_>| {
        cx.waker().wake_by_ref();
        match std::mem::replace(&mut given, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }));
    poll_fn(|cx| once.as_mut().poll(cx)).await;
}

// ── M-IO-6 ──────────────────────────────────────────────────────────────────────────────────────

async fn cancel_and_lose(
    stream: Arc<TcpStream>,
    buf: Vec<u8>,
    when: Boxed<'static, ()>,
) -> (io::Result<usize>, Vec<u8>) {
    let mut reading = stream.read_owned(buf);
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut reading).poll(cx))).await;
    if let Poll::Ready(done) = polled {
        return done;
    }
    let _ = when.await;
    let (result, mut buf) = reading.cancel().await;
    let mut lost = [0; 64];
    if stream.try_read(&mut lost).is_ok() {
        fired();
    }
    buf.truncate(buf.len() - result.unwrap_or_default());
    (Err(io::ErrorKind::Interrupted.into()), buf)
}

// ── M-IO-7 ──────────────────────────────────────────────────────────────────────────────────────

/// How often it has told its end.
struct EndsTwice(usize);

impl OnStream for EndsTwice {
    fn poll_read(&mut self, to: &mut AnyStream, cx: &mut Context<'_>, buf: &mut [u8]) -> Moved {
        if self.0 >= 2 && !buf.is_empty() {
            fired();
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let polled = Pin::new(to).poll_read(cx, buf);
        self.0 += usize::from(!buf.is_empty() && matches!(polled, Poll::Ready(Ok(0))));
        polled
    }
}

// ── M-IO-8 ──────────────────────────────────────────────────────────────────────────────────────

struct ClosesNothing;

impl OnStream for ClosesNothing {
    fn poll_close(&mut self, to: &mut AnyStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        fired();
        Pin::new(to).poll_flush(cx)
    }
}

// ── M-IO-9 ──────────────────────────────────────────────────────────────────────────────────────

struct Boasts;

impl OnStream for Boasts {
    fn poll_read(&mut self, to: &mut AnyStream, cx: &mut Context<'_>, buf: &mut [u8]) -> Moved {
        let polled = Pin::new(to).poll_read(cx, buf);
        match polled {
            Poll::Ready(Ok(n @ (5 | 7 | 9))) if n == buf.len() => {
                fired();
                Poll::Ready(Ok(n + 1))
            }
            other => other,
        }
    }
}

// ── M-IO-10 ─────────────────────────────────────────────────────────────────────────────────────

/// How often a read was pending.
struct LetsOut(usize);

impl OnStream for LetsOut {
    fn poll_read(&mut self, to: &mut AnyStream, cx: &mut Context<'_>, buf: &mut [u8]) -> Moved {
        let polled = Pin::new(to).poll_read(cx, buf);
        self.0 += usize::from(polled.is_pending());
        if polled.is_pending() && self.0 > 40 {
            fired();
            return Poll::Ready(Err(io::ErrorKind::WouldBlock.into()));
        }
        polled
    }
}

// ── M-IO-11 ─────────────────────────────────────────────────────────────────────────────────────

async fn the_first_end(one: AnyStream, other: AnyStream) -> io::Result<(u64, u64)> {
    let ((reads_one, writes_one), (reads_other, writes_other)) = (split(one), split(other));
    let (mut up, mut down) =
        (pin!(copy(reads_one, writes_other)), pin!(copy(reads_other, writes_one)));
    let copied = poll_fn(|cx| {
        if let Poll::Ready(copied) = up.as_mut().poll(cx) {
            return Poll::Ready(copied.map(|n| (n, 0)));
        }
        down.as_mut().poll(cx).map_ok(|n| (0, n))
    });
    let copied = copied.await;
    fired();
    copied
}

// ── M-IO-11b ────────────────────────────────────────────────────────────────────────────────────

/// Who has gone, and which one this is.
struct Hasty(Arc<[AtomicBool; 2]>, usize);

fn hasty_duplex(capacity: usize) -> (AnyStream, AnyStream) {
    let (one, other) = (IoCalls::default().duplex)(capacity);
    let gone = Arc::<[AtomicBool; 2]>::default();
    (Dressed::boxed(one, Hasty(gone.clone(), 0)), Dressed::boxed(other, Hasty(gone, 1)))
}

impl OnStream for Hasty {
    fn poll_read(&mut self, to: &mut AnyStream, cx: &mut Context<'_>, buf: &mut [u8]) -> Moved {
        if self.0[1 - self.1].load(Ordering::SeqCst) {
            fired();
            return Poll::Ready(Ok(0));
        }
        Pin::new(to).poll_read(cx, buf)
    }
}

impl Drop for Hasty {
    fn drop(&mut self) {
        self.0[self.1].store(true, Ordering::SeqCst);
    }
}

// ── M-IO-12 ─────────────────────────────────────────────────────────────────────────────────────

/// What was taken last is written when more comes.
struct LosesLast(Box<dyn Blocks>, Vec<u8>);

impl Read for LosesLast {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for LosesLast {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(&self.1)?;
        self.1 = bytes.to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        fired();
        self.1.clear();
        self.0.flush()
    }
}
