//! FS-4: what files do is what they do with std.
//!
//! Each test does the same twice, with the runtime's files and with std's, and compares: values, and
//! kinds of errors. Whatever the file system here is unusual in, it is so for both.

use std::fmt::Debug;
use std::fs::{File as StdFile, OpenOptions as StdOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use runtime_traits::fs::{File, OpenOptions};
use runtime_traits::io::{self, SeekFrom};

use super::place::Place;
use crate::clauses::tcp::steps::{bytes_at, in_task};
use crate::rig::Rig;
use crate::toolbox::Random;

/// A result as it is compared.
pub(super) fn said<T>(result: io::Result<T>) -> Result<T, io::ErrorKind> {
    result.map_err(|error| error.kind())
}

/// Says when the two differ.
pub(super) fn same<T: PartialEq + Debug>(what: &str, ours: T, std: T) {
    assert!(ours == std, "FS-4: {what} gave {ours:?}, and with std {std:?}");
}

const STEPS: usize = 400;
/// Offsets beyond 32 bits, which a sparse file reaches.
const FAR: [u64; 4] = [0, 0, 1 << 32, 5 << 30];
const NEAR: u64 = 20_000;

/// A place in a file: near the beginning, around 4 GiB, or far behind.
fn offset(random: &mut Random) -> u64 {
    let far = FAR[random.below(FAR.len() as u64) as usize];
    (far + random.below(NEAR)).saturating_sub(if far > 0 { NEAR / 2 } else { 0 })
}

/// FS-4: operations on a file give what they give with std: bytes, lengths, places, ends, kinds of errors;
/// also beyond 4 GiB.
///
/// Method: the same random script on a file of ours and on one of std's. Reads are done until they have
/// filled their buffer or are at the end, since either may read less. In the end the two files hold the
/// same, as far as the script went.
///
/// If this fails, look for an offset of 32 bits, or a cursor that stays when the file gets shorter.
pub(super) fn fs_4_a_script_does_what_it_does_with_std(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    let (path, std_path) = (place.file(rig, "ours", b""), place.file(rig, "stds", b""));
    let opened = StdOptions::new().read(true).write(true).open(&std_path);
    let mut std = rig.setup("a file of std's", opened);
    let mut random = rig.random();
    in_task(rig, &rt, "FS-4: a script on a file", async move {
        let ours = File::options().read(true).write(true).open(&path).await;
        let ours = ours.unwrap_or_else(|error| panic!("FS-4: opening a file gave {error}"));
        for nth in 0..STEPS {
            step(nth, &ours, &mut std, &mut random).await;
        }
        same("flushing", said(ours.flush().await), Ok(()));
        let mut ours = StdFile::open(&path).expect("std opens our file");
        for far in FAR {
            let from = far.saturating_sub(NEAR);
            let window = |file: &mut StdFile| {
                let mut bytes = Vec::new();
                file.seek(SeekFrom::Start(from)).expect("std seeks");
                file.take(3 * NEAR).read_to_end(&mut bytes).expect("std reads");
                bytes
            };
            let equal = window(&mut ours) == window(&mut std);
            assert!(equal, "FS-4: in the end the files differ after {from}");
        }
    });
    rig.shutdown(rt);
}

/// One step of the script, on both.
async fn step(nth: usize, ours: &File, std: &mut StdFile, random: &mut Random) {
    let len = random.below(3000) as usize;
    let at = offset(random);
    match random.below(11) {
        0..2 => {
            let to = match random.below(3) {
                0 => SeekFrom::Start(at),
                1 => SeekFrom::Current(random.below(NEAR) as i64 - NEAR as i64 / 2),
                _ => SeekFrom::End(random.below(NEAR) as i64 - NEAR as i64 / 2),
            };
            let what = format!("step {nth}, {to:?}");
            same(&what, said(ours.seek(to).await), said(std.seek(to)));
        }
        2..5 => {
            let (mut mine, mut theirs) = (vec![0; len], Vec::new());
            let filled = fill(ours, &mut mine).await.map(|n| mine[..n].to_vec());
            let std = std.take(len as u64).read_to_end(&mut theirs).map(|_| theirs);
            same(&format!("step {nth}, a read of {len}"), said(filled), said(std));
        }
        5..8 => {
            let bytes = bytes_at(nth, len);
            let what = format!("step {nth}, a write of {len}");
            same(&what, said(ours.write_all(&bytes).await), said(std.write_all(&bytes)));
        }
        8 => {
            let what = format!("step {nth}, a length of {at}");
            same(&what, said(ours.set_len(at).await), said(std.set_len(at)));
        }
        9 => beside(nth, ours, std, at, len).await,
        _ => {
            let facts = |of: std::fs::Metadata| (of.len(), of.is_file(), of.permissions());
            let what = format!("step {nth}, metadata");
            same(&what, said(ours.metadata().await.map(facts)), said(std.metadata().map(facts)));
            let what = format!("step {nth}, the cursor");
            same(&what, said(ours.stream_position().await), said(std.stream_position()));
        }
    }
}

/// Reads until the buffer is full, or the file is not.
async fn fill(file: &File, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read(&mut buf[filled..]).await? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

/// Reading and writing at an offset, which move no cursor.
#[cfg(unix)]
async fn beside(nth: usize, ours: &File, std: &StdFile, at: u64, len: usize) {
    use std::os::unix::fs::FileExt;
    let bytes = bytes_at(nth, len);
    let what = format!("step {nth}, a write of {len} at {at}");
    same(&what, said(ours.write_all_at(&bytes, at).await), said(std.write_all_at(&bytes, at)));
    let (mut mine, mut theirs) = (vec![0; len], vec![0; len]);
    let read = ours.read_exact_at(&mut mine, at).await.map(|()| mine);
    let what = format!("step {nth}, a read of {len} at {at}");
    same(&what, said(read), said(std.read_exact_at(&mut theirs, at).map(|()| theirs)));
}

/// Windows moves the cursor.
#[cfg(not(unix))]
async fn beside(_: usize, _: &File, _: &StdFile, _: u64, _: usize) {}

/// FS-4: options mean what they mean to std: what is made, cut off, kept, refused, and where is written.
///
/// Method: each of the 64 sets of six options, on a path where there is nothing and on one of a file; every
/// third on a directory, and in one that is not there. If it opens, something is written and read. The results, and
/// what is there in the end, are compared.
pub(super) fn fs_4_options_mean_what_they_mean_to_std(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    in_task(rig, &rt, "FS-4: files to be opened with all options", async move {
        std::fs::create_dir(place.at("directory")).expect("std makes a directory");
        for set in 0..64 {
            for what in ["nothing", "file", "directory", "not/there"] {
                let is_fresh = matches!(what, "nothing" | "file");
                let at = |whose: &str| match is_fresh {
                    true => place.at(format!("{what}-{set}-{whose}")),
                    false => place.at(what), // nothing is changed there
                };
                let (ours, std) = (at("ours"), at("stds"));
                if what == "file" {
                    for path in [&ours, &std] {
                        std::fs::write(path, b"0123456789").expect("std writes");
                    }
                }
                if !is_fresh && set % 3 > 0 {
                    continue; // some will do
                }
                let did = (with_ours(set, &ours).await, std::fs::read(&ours).ok());
                let expected = (with_std(set, &std), std::fs::read(&std).ok());
                same(&format!("{}, of {what}", named(set)), did, expected);
            }
        }
    });
    rig.shutdown(rt);
}

/// Whether option `nth` is in a set.
fn has(set: u32, nth: u32) -> bool {
    set & (1 << nth) != 0
}

fn named(set: u32) -> String {
    let names = ["read", "write", "append", "truncate", "create", "create_new"];
    let chosen = names.iter().enumerate().filter(|(nth, _)| has(set, *nth as u32));
    chosen.map(|(_, name)| *name).collect::<Vec<_>>().join("+")
}

/// What is read at first, then written, then read.
type Did = Result<[Result<Vec<u8>, io::ErrorKind>; 3], io::ErrorKind>;

async fn with_ours(set: u32, path: &Path) -> Did {
    let mut options = OpenOptions::new();
    options.read(has(set, 0)).write(has(set, 1)).append(has(set, 2));
    options.truncate(has(set, 3)).create(has(set, 4)).create_new(has(set, 5));
    let file = said(options.open(path).await)?;
    let mut buf = [0; 4];
    let first = said(fill(&file, &mut buf).await).map(|n| buf[..n].to_vec());
    let wrote = said(file.write_all(b"new").await).map(|()| Vec::new());
    let second = said(fill(&file, &mut buf).await).map(|n| buf[..n].to_vec());
    Ok([first, wrote, second])
}

fn with_std(set: u32, path: &Path) -> Did {
    let mut options = StdOptions::new();
    options.read(has(set, 0)).write(has(set, 1)).append(has(set, 2));
    options.truncate(has(set, 3)).create(has(set, 4)).create_new(has(set, 5));
    let mut file = said(options.open(path))?;
    let read = |file: &mut StdFile| {
        let mut bytes = Vec::new();
        said(file.take(4).read_to_end(&mut bytes)).map(|_| bytes)
    };
    let first = read(&mut file);
    let wrote = said(file.write_all(b"new")).map(|()| Vec::new());
    let second = read(&mut file);
    Ok([first, wrote, second])
}
