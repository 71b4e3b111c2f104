//! FS-1: files that keep whoever asks waiting.
//!
//! These are FIFOs, whose other end is std's. There is one more of them than there are workers, so that
//! an operation which blocks the thread it is polled on leaves none for the task that must go on.

use std::fs::{File as StdFile, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;

use runtime_traits::fs::File;
use runtime_traits::io::AsyncRead;

use super::place::Place;
use crate::clauses::tcp::steps::{bytes_at, in_task, wrong_at};
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{Tally, within_watchdog};

/// One FIFO more than there are workers.
fn fifos(rig: &Rig<'_>, rt: &Rt, place: &Place) -> Vec<PathBuf> {
    let many = rt.handle().info().workers + 1;
    (0..many).map(|nth| place.fifo(rig, &nth.to_string())).collect()
}

/// Both ends of a FIFO at once: opening it so waits for nobody, and lets whoever waits go on.
fn other_end(path: &PathBuf) -> std::io::Result<StdFile> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Awaits `all` that begin, then gives way a thousand times.
fn ticks(rig: &Rig<'_>, rt: &Rt, what: &str, begun: Arc<Tally>, all: usize) {
    in_task(rig, rt, &format!("FS-1: a task beside {what}"), async move {
        begun.reached(all).await;
        for _ in 0..1000 {
            GiveWay::default().await;
        }
    });
}

/// FS-1: files that cannot be opened yet stall no thread that polls tasks.
///
/// Method: FIFOs to which nobody writes are opened to read, each by a task, one more than there are
/// workers. When all have begun, another task gives way a thousand times. Only then std opens the other
/// ends, and what it writes must be read, and then the end.
///
/// If this fails with a hang, look for an `open` that is called where the task is polled.
pub(super) fn fs_1_opening_stalls_nobody(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let fifos = fifos(rig, &rt, &place);
    let (begun, opened) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let readers: Vec<_> = fifos
        .iter()
        .cloned()
        .map(|path| {
            let (begun, opened) = (begun.clone(), opened.clone());
            rt.spawn(async move {
                begun.add();
                let file = File::open(path).await;
                let file = file.unwrap_or_else(|e| panic!("FS-1: opening a FIFO gave {e}"));
                opened.add();
                let mut all = Vec::new();
                let end = file.read_to_end(&mut all).await;
                assert!(end.is_ok() && all == b"let go", "FS-1: read {all:?}, then {end:?}");
            })
        })
        .collect();
    ticks(rig, &rt, "files that cannot be opened yet", begun, fifos.len());
    let mut ends = Vec::new();
    for path in &fifos {
        let mut end = rig.setup("the other end of a FIFO", other_end(path));
        rig.setup("writing to a FIFO", end.write_all(b"let go"));
        ends.push(end);
    }
    let all = fifos.len();
    in_task(rig, &rt, "FS-1: files to be opened that can be", async move {
        opened.reached(all).await;
    });
    drop(ends); // the end of all of them, now that it is not the beginning
    for reader in readers {
        drop(rig.drive(&rt, "FS-1: a FIFO to be read to its end", reader));
    }
    rig.shutdown(rt);
}

/// FS-1: files that have nothing to be read yet stall no thread that polls tasks.
///
/// Method: as for opening; but the other end is there from the beginning, and has written nothing. Half
/// of the reads are by the trait.
///
/// If this fails with a hang, look for a read that is tried before it is sent to a thread, of a file
/// whose reads wait.
pub(super) fn fs_1_reading_stalls_nobody(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let fifos = fifos(rig, &rt, &place);
    let ends: Vec<_> =
        fifos.iter().map(|path| rig.setup("the other end of a FIFO", other_end(path))).collect();
    let begun = Arc::new(Tally::new());
    let reader = |(nth, path): (usize, &PathBuf)| {
        let (begun, path) = (begun.clone(), path.clone());
        rt.spawn(async move {
            let file = File::open(path).await;
            let mut file = file.unwrap_or_else(|e| panic!("FS-1: opening a FIFO gave {e}"));
            begun.add();
            let mut buf = [0; 16];
            let read = match nth % 2 {
                0 => file.read(&mut buf).await,
                _ => std::future::poll_fn(|cx| Pin::new(&mut file).poll_read(cx, &mut buf)).await,
            };
            let fine = matches!(read, Ok(6)) && buf.starts_with(b"let go");
            assert!(fine, "FS-1: reading a FIFO gave {read:?}: {buf:?}");
        })
    };
    let readers: Vec<_> = fifos.iter().enumerate().map(reader).collect();
    ticks(rig, &rt, "files that have nothing to be read yet", begun, fifos.len());
    for mut end in &ends {
        rig.setup("writing to a FIFO", end.write_all(b"let go"));
    }
    for reader in readers {
        drop(rig.drive(&rt, "FS-1: a read of a FIFO that has something", reader));
    }
    drop(ends);
    rig.shutdown(rt);
}

/// More than a FIFO holds.
const LONG: usize = 300_000;

/// FS-1: files that are full stall no thread that polls tasks.
///
/// Method: as for reading; each FIFO is written more than it holds. Then std reads all of it.
///
/// If this fails with a hang, look for a write that is called where the task is polled.
pub(super) fn fs_1_writing_stalls_nobody(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let fifos = fifos(rig, &rt, &place);
    let ends: Vec<_> =
        fifos.iter().map(|path| rig.setup("the other end of a FIFO", other_end(path))).collect();
    let begun = Arc::new(Tally::new());
    let writer = |path: &PathBuf| {
        let (begun, path) = (begun.clone(), path.clone());
        rt.spawn(async move {
            let file = File::options().write(true).open(path).await;
            let file = file.unwrap_or_else(|e| panic!("FS-1: opening a FIFO gave {e}"));
            begun.add();
            let wrote = file.write_all(&bytes_at(0, LONG)).await;
            assert!(wrote.is_ok(), "FS-1: writing to a FIFO gave {wrote:?}");
        })
    };
    let writers: Vec<_> = fifos.iter().map(writer).collect();
    ticks(rig, &rt, "files that are full", begun, fifos.len());
    let drain = |mut end: StdFile| {
        thread::spawn(move || {
            let mut all = vec![0; LONG];
            end.read_exact(&mut all).map(|()| wrong_at(0, &all))
        })
    };
    let drains: Vec<_> = ends.into_iter().map(drain).collect();
    for writer in writers {
        drop(rig.drive(&rt, "FS-1: a write to a FIFO that is drained", writer));
    }
    for drain in drains {
        let drained = within_watchdog("FS-1: std to read a FIFO", || drain.join());
        let drained = drained.expect("it reads");
        assert!(matches!(drained, Ok(None)), "FS-1: std read, with a wrong byte at: {drained:?}");
    }
    rig.shutdown(rt);
}
