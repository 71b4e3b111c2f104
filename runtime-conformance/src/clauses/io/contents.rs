//! IO-2, IO-4, IO-5, IO-7: what is moved, and what is reported of it.

use std::io::{IoSlice, IoSliceMut};
use std::task::Poll;
use std::thread;

use super::kinds::{AnyStream, each_kind, read, read_vectored, write, write_vectored};
use crate::clauses::tcp::steps::{bytes_at, once, wrong_at};
use crate::rig::Rig;
use crate::toolbox::{Random, within_watchdog};

/// IO-2: reading into an empty buffer, and writing one, answers 0 at once and changes nothing.
///
/// Method: for every kind of stream, empty reads and writes, gathered ones too, stand between the others:
/// when nothing has come, when something has, and at the end. The bytes are complete in both
/// directions, and the end is told only when it has come.
///
/// If this fails, look for a 0 that is taken for the end, or an empty write that is waited for.
pub(super) fn io_2_empty_buffers_change_nothing(rig: &Rig<'_>) {
    let rt = rig.rt();
    each_kind(
        rig,
        &rt,
        "IO-2: bytes between empty buffers",
        |kind, mut stream, mut peer| async move {
            let what = format!("IO-2: {kind:?}");
            empty(&what, &mut stream).await;
            for place in 0..20 {
                peer.write_all(&bytes_at(place, 1)).expect("a peer sends");
                empty(&what, &mut stream).await;
                let mut byte = [0];
                let n = read(&mut stream, &mut byte).await;
                assert!(matches!(n, Ok(1)), "{what}: after empty reads, a read gave {n:?}");
                assert_eq!(wrong_at(place, &byte), None, "{what}: byte {place}");
                empty(&what, &mut stream).await;
                let n = write(&mut stream, &bytes_at(place, 1)).await;
                assert!(matches!(n, Ok(1)), "{what}: after empty writes, a write gave {n:?}");
                let mut back = [0];
                peer.read_exact(&mut back).expect("a peer reads");
                assert_eq!(wrong_at(place, &back), None, "{what}: byte {place} at the peer");
            }
            drop(peer);
            empty(&what, &mut stream).await;
            let end = read(&mut stream, &mut [0]).await;
            assert!(matches!(end, Ok(0)), "{what}: the end gave {end:?}");
            empty_reads(&what, &mut stream).await;
        },
    );
    rig.shutdown(rt);
}

/// Moves nothing, in every way there is.
async fn empty(what: &str, stream: &mut AnyStream) {
    empty_reads(what, stream).await;
    let wrote = once(&mut Box::pin(write(stream, &[]))).await;
    assert!(matches!(wrote, Poll::Ready(Ok(0))), "{what}: an empty write gave {wrote:?}");
    let nothing = [IoSlice::new(&[]), IoSlice::new(&[])];
    let wrote = once(&mut Box::pin(write_vectored(stream, &nothing))).await;
    assert!(matches!(wrote, Poll::Ready(Ok(0))), "{what}: an empty gathered write: {wrote:?}");
}

async fn empty_reads(what: &str, stream: &mut AnyStream) {
    let got = once(&mut Box::pin(read(stream, &mut []))).await;
    assert!(matches!(got, Poll::Ready(Ok(0))), "{what}: an empty read gave {got:?}");
    let mut nothing = [IoSliceMut::new(&mut []), IoSliceMut::new(&mut [])];
    let got = once(&mut Box::pin(read_vectored(stream, &mut nothing))).await;
    assert!(matches!(got, Poll::Ready(Ok(0))), "{what}: an empty scattered read: {got:?}");
}

/// IO-4: a read reports no more than the buffer holds.
///
/// Method: for every kind of stream, a hundred bytes are there; they are read into buffers of one to
/// nine bytes.
pub(super) fn io_4_reads_report_what_fits(rig: &Rig<'_>) {
    let rt = rig.rt();
    each_kind(rig, &rt, "IO-4: bytes to be read", |kind, mut stream, mut peer| async move {
        peer.write_all(&bytes_at(0, 100)).expect("a peer sends");
        let (mut got, mut buf) = (0, [0; 9]);
        while got < 100 {
            let room = (1 + got % 9).min(100 - got);
            let n = read(&mut stream, &mut buf[..room]).await;
            let n = n.unwrap_or_else(|error| panic!("IO-4: {kind:?}: {error}"));
            assert!(n <= room, "IO-4: {kind:?}: a read into {room} bytes reported {n}");
            let wrong = wrong_at(got, &buf[..n]);
            assert!(wrong.is_none(), "IO-4: {kind:?}: the byte at {wrong:?} was not sent");
            got += n;
        }
    });
    rig.shutdown(rt);
}

/// What a writer writes, with nobody reading at first: more than fits.
const MUCH: usize = 500 * 1024;

/// IO-5: a write of something reports at least one byte, and at most what it was given; and that many
/// were taken.
///
/// Method: for every kind of stream, a peer that reads slowly gets writes of random sizes; the reports
/// add up to what it gets.
pub(super) fn io_5_writes_report_what_was_taken(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut random = rig.random();
    let seed = random.below(u64::MAX);
    each_kind(rig, &rt, "IO-5: writes to a slow peer", |kind, mut stream, mut peer| async move {
        let mut random = Random::new(seed);
        let hears = thread::spawn(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).map(|_| all)
        });
        let all = bytes_at(0, MUCH);
        let mut sent = 0;
        while sent < MUCH {
            let len = (1 + random.below(20_000) as usize).min(MUCH - sent);
            let n = write(&mut stream, &all[sent..sent + len]).await;
            let n = n.unwrap_or_else(|error| panic!("IO-5: {kind:?}: {error}"));
            assert!((1..=len).contains(&n), "IO-5: {kind:?}: a write of {len} reported {n}");
            sent += n;
        }
        drop(stream);
        let heard = within_watchdog("IO-5: the peer to hear the end", || hears.join());
        let heard = heard.expect("it reads").expect("a peer reads to the end");
        assert_eq!(heard.len(), MUCH, "IO-5: {kind:?}: how much the peer got");
        let wrong = wrong_at(0, &heard);
        assert!(wrong.is_none(), "IO-5: {kind:?}: the peer got a wrong byte at {wrong:?}");
    });
    rig.shutdown(rt);
}

/// Into how many slices, and how long each may be.
const SLICES: u64 = 6;
const SLICE_MAX: u64 = 40;

/// IO-7: a gathered write takes a beginning of the concatenation, at least one byte if there is one.
///
/// Method: for every kind of stream, a sequence is written as random slices, half of them empty, the
/// first as often as others. The reports add up, and the peer gets the sequence.
///
/// If this fails, look for the default that writes the first slice, also if that is empty.
pub(super) fn io_7_gathered_writes_are_the_concatenation(rig: &Rig<'_>) {
    let rt = rig.rt();
    let seed = rig.random().below(u64::MAX);
    each_kind(rig, &rt, "IO-7: gathered writes", |kind, mut stream, mut peer| async move {
        let mut random = Random::new(seed);
        let mut sent = 0;
        for _ in 0..100 {
            let lens = partition(&mut random);
            let total: usize = lens.iter().sum();
            let flat = bytes_at(sent, total);
            let slices = cut(&flat, &lens);
            let n = write_vectored(&mut stream, &slices).await;
            let n = n.unwrap_or_else(|error| panic!("IO-7: {kind:?}: {error}"));
            let fine = n <= total && (n > 0 || total == 0);
            assert!(fine, "IO-7: {kind:?}: a gathered write of {lens:?} reported {n}");
            let mut heard = vec![0; n];
            peer.read_exact(&mut heard).expect("a peer reads what was sent");
            let wrong = wrong_at(sent, &heard);
            assert!(wrong.is_none(), "IO-7: {kind:?}: {lens:?}: a wrong byte at {wrong:?}");
            sent += n;
        }
    });
    rig.shutdown(rt);
}

/// Lengths of slices, about half of them zero.
fn partition(random: &mut Random) -> Vec<usize> {
    let count = 1 + random.below(SLICES);
    let mut len = || if random.below(2) == 0 { 0 } else { random.below(SLICE_MAX) as usize };
    (0..count).map(|_| len()).collect()
}

/// The same bytes as slices of these lengths.
fn cut<'a>(mut flat: &'a [u8], lens: &[usize]) -> Vec<IoSlice<'a>> {
    let mut slices = Vec::new();
    for len in lens {
        let (slice, rest) = flat.split_at(*len);
        slices.push(IoSlice::new(slice));
        flat = rest;
    }
    slices
}

/// IO-7: a scattered read fills the buffers in their order, at least one byte if there is room.
pub(super) fn io_7_scattered_reads_are_the_concatenation(rig: &Rig<'_>) {
    let rt = rig.rt();
    let seed = rig.random().below(u64::MAX);
    each_kind(rig, &rt, "IO-7: scattered reads", |kind, mut stream, mut peer| async move {
        let mut random = Random::new(seed);
        let mut got = 0;
        peer.write_all(&bytes_at(0, SLICES as usize * SLICE_MAX as usize * 100)).expect("it sends");
        for _ in 0..100 {
            let lens = partition(&mut random);
            let total: usize = lens.iter().sum();
            let mut bufs: Vec<Vec<u8>> = lens.iter().map(|len| vec![0; *len]).collect();
            let mut slices: Vec<_> = bufs.iter_mut().map(|buf| IoSliceMut::new(buf)).collect();
            let n = read_vectored(&mut stream, &mut slices).await;
            let n = n.unwrap_or_else(|error| panic!("IO-7: {kind:?}: {error}"));
            let fine = n <= total && (n > 0 || total == 0);
            assert!(fine, "IO-7: {kind:?}: a scattered read into {lens:?} reported {n}");
            let wrong = wrong_at(got, &bufs.concat()[..n]);
            assert!(wrong.is_none(), "IO-7: {kind:?}: {lens:?}: a wrong byte at {wrong:?}");
            got += n;
        }
    });
    rig.shutdown(rt);
}
