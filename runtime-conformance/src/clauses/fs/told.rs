//! FS-2: what was written is there, or its failure is told.

use std::path::Path;

use runtime_traits::fs::{self, File};
use runtime_traits::io::{self, AsyncWriteExt};

use super::place::Place;
use crate::clauses::tcp::steps::{bytes_at, in_task, wrong_at};
use crate::rig::Rig;

/// What a test writes: more than a page, in pieces that are no part of one.
const SOME: usize = 10_000;
const PIECE: usize = 777;

/// How something is written, and when it has to be there.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// By methods: at once.
    Method,
    /// By methods, closed.
    MethodClosed,
    /// By the trait, flushed.
    Flushed,
    /// By the trait, flushed by the method.
    MethodFlushed,
    /// By the trait, closed.
    Closed,
    /// By the trait, synchronised with the device.
    Synced,
}

impl Way {
    const ALL: [Way; 6] = [
        Way::Method,
        Way::MethodClosed,
        Way::Flushed,
        Way::MethodFlushed,
        Way::Closed,
        Way::Synced,
    ];

    async fn write(self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(path).await?;
        for piece in bytes.chunks(PIECE) {
            match self {
                Way::Method | Way::MethodClosed => file.write_all(piece).await?,
                _ => AsyncWriteExt::write_all(&mut file, piece).await?,
            }
        }
        match self {
            Way::Method => Ok(()),
            Way::MethodClosed => File::close(file).await,
            Way::Flushed => AsyncWriteExt::flush(&mut file).await,
            Way::MethodFlushed => File::flush(&file).await,
            Way::Closed => AsyncWriteExt::close(&mut file).await,
            Way::Synced => file.sync_all().await,
        }
    }
}

/// FS-2: what was flushed, closed or synchronised, or written by a method, is there for others.
///
/// Method: a file is written in pieces, in each of six ways; when the last call is ready, std reads it,
/// and so does the runtime by another open.
///
/// If this fails, look for a flush that does not wait for what is written behind, or a close that is not
/// one.
pub(super) fn fs_2_what_was_flushed_is_there(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    for way in Way::ALL {
        let path = place.at("written");
        in_task(rig, &rt, &format!("FS-2: what was written ({way:?})"), async move {
            let wrote = way.write(&path, &bytes_at(0, SOME)).await;
            assert!(wrote.is_ok(), "FS-2: writing ({way:?}) gave {wrote:?}");
            let there = std::fs::read(&path).expect("std reads a file");
            assert_eq!(there.len(), SOME, "FS-2: how much std finds ({way:?})");
            assert_eq!(wrong_at(0, &there), None, "FS-2: a wrong byte for std ({way:?})");
            let there = fs::read(&path).await;
            let there = there.unwrap_or_else(|e| panic!("FS-2: another open ({way:?}): {e}"));
            assert_eq!(there.len(), SOME, "FS-2: how much another open finds ({way:?})");
        });
    }
    rig.shutdown(rt);
}

/// Writes by the trait until it is refused; how many bytes were accepted. An error has been told then.
#[cfg(target_os = "linux")]
async fn accepted(file: &mut File, at_most: usize) -> (usize, Option<io::Error>) {
    let (mut accepted, all) = (0, bytes_at(0, at_most));
    while accepted < at_most {
        match AsyncWriteExt::write(file, &all[accepted..]).await {
            Ok(0) => panic!("FS-2: a write took nothing, and said so"),
            Ok(n) => accepted += n,
            Err(error) => return (accepted, Some(error)),
        }
    }
    (accepted, None)
}

/// FS-2: that a device is full is told; and while bytes that were accepted are missing, no flush and no
/// close is `Ok`.
///
/// Method: `/dev/full`. By the method a write fails. By the trait bytes are accepted, and then three
/// flushes fail, and so does closing.
///
/// If this fails, look for bytes that are forgotten when their error is told.
#[cfg(target_os = "linux")]
pub(super) fn fs_2_a_full_device_is_told(rig: &Rig<'_>) {
    let rt = rig.rt();
    in_task(rig, &rt, "FS-2: a full device", async {
        let open = async || {
            let file = File::options().write(true).open("/dev/full").await;
            file.unwrap_or_else(|error| panic!("FS-2: opening a device gave {error}"))
        };
        let wrote = open().await.write_all(b"lost").await.map_err(|error| error.kind());
        assert_eq!(wrote, Err(io::ErrorKind::StorageFull), "FS-2: writing to a full device");
        let mut file = open().await;
        let (some, refused) = accepted(&mut file, SOME).await;
        for nth in 1..=3 {
            let flushed = file.flush().await;
            let fine = flushed.is_err() || (some == 0 && refused.is_some());
            assert!(fine, "FS-2: {some} bytes are nowhere, and flush {nth} was Ok");
        }
        let closed = AsyncWriteExt::close(&mut file).await;
        assert!(closed.is_err() || some == 0, "FS-2: {some} bytes are nowhere, and closing was Ok");
    });
    rig.shutdown(rt);
}

/// How long a file may get, in bytes, until that is lifted.
#[cfg(target_os = "linux")]
const LIMIT: u64 = 64 * 1024;

/// FS-2: a flush is `Ok` only when all that was accepted is there, and what had failed is tried again.
///
/// Method: the length of files is limited for this process, and more is written by the trait. Two flushes
/// fail, then the limit is lifted, and a third is `Ok`. After each that is, std must find everything.
///
/// If this fails, look for a second try that begins where the first ended, or that never happens.
#[cfg(target_os = "linux")]
pub(super) fn fs_2_what_is_tried_again_arrives(rig: &Rig<'_>) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let (rt, place) = (rig.rt(), Place::new(rig));
    let path = place.at("limited");
    runtime_conformance_waker::long_files_are_errors();
    let before = getrlimit(Resource::Fsize);
    let limited = setrlimit(Resource::Fsize, Rlimit { current: Some(LIMIT), ..before });
    rig.setup("a limit on the length of files", limited.map_err(Into::into));
    in_task(rig, &rt, "FS-2: a file that is not allowed to be longer", async move {
        let mut file = File::create(&path).await;
        let file = file.as_mut().unwrap_or_else(|error| panic!("FS-2: a file: {error}"));
        let check = |flushed: io::Result<()>, some: usize, which: &str| {
            let there = std::fs::read(&path).expect("std reads a file");
            let all = there.len() == some && wrong_at(0, &there).is_none();
            let len = there.len();
            assert!(all || flushed.is_err(), "FS-2: {which} was Ok, with {len} bytes of {some}");
            flushed
        };
        let (some, told) = accepted(file, 3 * LIMIT as usize).await;
        let first = check(file.flush().await, some, "the first flush");
        let second = check(file.flush().await, some, "the second flush");
        let told = told.is_some() || first.is_err() || second.is_err();
        assert!(told, "FS-2: {some} bytes were accepted, there was no room, and nobody was told");
        setrlimit(Resource::Fsize, before).expect("what it was before is allowed");
        let third = check(file.flush().await, some, "the flush after the limit was lifted");
        assert!(third.is_ok(), "FS-2: the flush after the limit was lifted gave {third:?}");
    });
    rig.shutdown(rt);
}
