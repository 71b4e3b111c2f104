//! Mutants of the group FS: a runtime with files of its own, through the hook, that are wrong.
//!
//! `over` has the file that passes everything on, to one of the runtime beneath.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use runtime_conformance::twist::fired;
use runtime_traits::Handle;
use runtime_traits::fs::File;
use runtime_traits::hooks::{Boxed, FileDone, FileObject, FileOp, Fs, OpenHow};
use runtime_traits::io;

use super::Impossible;
use crate::mutant::{Detection, Mutant};

mod over;

use over::{Files, Hooked, OnFile, Plain, std_options};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-FS-1", "Files are opened on the thread that polls the task.", || {
        Hooked::twist(|inner| Box::new(OpensHere(inner)))
    })
    .breaks(&["FS-1"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-FS-2",
        "What could not be written is forgotten when it is tried again.",
        || Files::twist(|| Arc::new(Forgets::default())),
    )
    .breaks(&["FS-2"]),
    Mutant::twist("M-FS-3", "A read that was dropped in flight poisons the file.", || {
        Files::twist(|| Arc::new(Poisoned::default()))
    })
    .breaks(&["FS-3"]),
    Mutant::twist("M-FS-4", "Offsets have 32 bits.", || Files::twist(|| Arc::new(Short)))
        .breaks(&["FS-4"]),
    Mutant::twist("M-FS-5", "The end of a file is remembered.", || {
        Files::twist(|| Arc::new(LatchesEnd::default()))
    })
    .breaks(&["FS-5"])
    // A script that writes after the end has been read finds nothing there.
    .tolerates(&["FS-3", "FS-4"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

// ── M-FS-1 ──────────────────────────────────────────────────────────────────────────────────────

struct OpensHere(Handle);

impl Fs for OpensHere {
    fn open<'a>(
        &'a self,
        path: &'a Path,
        how: &'a OpenHow,
    ) -> Option<Boxed<'a, io::Result<Arc<dyn FileObject>>>> {
        Some(Box::pin(async move {
            fired();
            let file = std_options(how).open(path)?;
            let file = self.0.enter(|| File::from_std(file))?;
            Ok(Arc::new(Plain::new(file, how)?) as Arc<dyn FileObject>)
        }))
    }
}

// ── M-FS-2 ──────────────────────────────────────────────────────────────────────────────────────

/// Whether a write has failed.
#[derive(Default)]
struct Forgets(AtomicBool);

impl OnFile for Forgets {
    fn run(self: Arc<Self>, file: Arc<Plain>, op: FileOp) -> Boxed<'static, FileDone> {
        Box::pin(async move {
            match op {
                FileOp::WriteAt { buf, .. } | FileOp::Write { buf }
                    if self.0.swap(false, Ordering::SeqCst) =>
                {
                    fired();
                    FileDone::new(Ok(buf.filled().len() as u64)).with_buf(buf)
                }
                op @ (FileOp::WriteAt { .. } | FileOp::Write { .. }) => {
                    let done = file.run(op).await;
                    self.0.store(done.res.is_err(), Ordering::SeqCst);
                    done
                }
                op => file.run(op).await,
            }
        })
    }
}

// ── M-FS-3 ──────────────────────────────────────────────────────────────────────────────────────

/// Whether a read was dropped before it was done.
#[derive(Default)]
struct Poisoned(AtomicBool);

impl OnFile for Poisoned {
    fn run(self: Arc<Self>, file: Arc<Plain>, op: FileOp) -> Boxed<'static, FileDone> {
        assert!(!self.0.load(Ordering::SeqCst), "polled after completion");
        if !matches!(op, FileOp::ReadAt { .. }) {
            return file.run(op);
        }
        Box::pin(async move {
            let mut dropped = Dropped(self, true);
            give_way().await; // so that it is pending, and can be dropped
            let done = file.run(op).await;
            dropped.1 = false;
            done
        })
    }
}

/// Poisons when it is dropped, if that is still so.
struct Dropped(Arc<Poisoned>, bool);

impl Drop for Dropped {
    fn drop(&mut self) {
        if self.1 {
            fired();
            self.0.0.store(true, Ordering::SeqCst);
        }
    }
}

/// Pending once, having woken.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|cx| match std::mem::replace(&mut given, true) {
        true => std::task::Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        }
    })
    .await;
}

// ── M-FS-4 ──────────────────────────────────────────────────────────────────────────────────────

struct Short;

impl OnFile for Short {
    fn run(self: Arc<Self>, file: Arc<Plain>, op: FileOp) -> Boxed<'static, FileDone> {
        let short = |at: u64| {
            if at > u64::from(u32::MAX) {
                fired();
            }
            u64::from(at as u32)
        };
        file.run(match op {
            FileOp::ReadAt { buf, at } => FileOp::ReadAt { buf, at: short(at) },
            FileOp::WriteAt { buf, at } => FileOp::WriteAt { buf, at: short(at) },
            other => other,
        })
    }
}

// ── M-FS-5 ──────────────────────────────────────────────────────────────────────────────────────

/// Where it is.
struct LatchesEnd(AtomicU64);

impl Default for LatchesEnd {
    fn default() -> LatchesEnd {
        LatchesEnd(AtomicU64::new(u64::MAX))
    }
}

impl OnFile for LatchesEnd {
    fn run(self: Arc<Self>, file: Arc<Plain>, op: FileOp) -> Boxed<'static, FileDone> {
        Box::pin(async move {
            match op {
                FileOp::ReadAt { buf, at } if at >= self.0.load(Ordering::SeqCst) => {
                    fired();
                    FileDone::new(Ok(0)).with_buf(buf)
                }
                FileOp::ReadAt { buf, at } => {
                    let done = file.run(FileOp::ReadAt { buf, at }).await;
                    if matches!(done.res, Ok(0)) {
                        self.0.fetch_min(at, Ordering::SeqCst);
                    }
                    done
                }
                op => file.run(op).await,
            }
        })
    }
}
