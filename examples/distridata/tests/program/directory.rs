//! The data directory: in use, of a newer program, torn at its end, damaged in the middle.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::support::{Launch, Node, TestDir, runtimes};

const LOG: &str = "log-00000000000000000000";
/// Bytes before a file's frames.
const HEADER: usize = 32;

/// All files with their bytes, but for the lock.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.file_name().unwrap() != "LOCK");
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// The keys 0 to `count`, each written by a group of its own.
fn write(node: &Node, count: usize) {
    for number in 0..count {
        assert_eq!(node.ask(&["SET", &number.to_string(), "value"]), "OK");
    }
}

/// How many keys there are, which must be the first ones.
fn first_keys(node: &Node) -> usize {
    let count: usize = node.ask(&["DBSIZE"]).parse().unwrap();
    for number in 0..count {
        assert_eq!(node.ask(&["GET", &number.to_string()]), "value");
    }
    count
}

/// A node wrote so many keys and was killed; its log is here.
fn killed_after(launch: &Launch, count: usize) {
    let node = launch.start();
    write(&node, count);
    node.kill();
}

#[test]
fn a_directory_in_use_is_refused_and_its_user_unharmed() {
    let dir = TestDir::new();
    let data = dir.join("data");
    let node = Launch::at(&data).start();
    assert_eq!(node.ask(&["SET", "a", "1"]), "OK");
    for runtime in runtimes() {
        let refused = Launch::at(&data).on(&runtime).refused();
        assert_eq!(refused.code, Some(1), "{refused:?}");
        let parts = [data.to_str().unwrap(), "in use", &node.pid().to_string()];
        parts.iter().for_each(|part| assert!(refused.said.contains(part), "{refused:?}"));
        assert_eq!(refused.said.matches(parts[0]).count(), 1, "said once: {refused:?}");
    }
    assert_eq!(node.ask(&["SET", "b", "2"]), "OK");
    node.kill();
    let node = Launch::at(&data).start();
    assert_eq!((node.ask(&["GET", "a"]), node.ask(&["GET", "b"])), ("1".into(), "2".into()));
}

#[test]
fn what_cannot_be_a_directory_or_an_address_is_refused_by_name() {
    let dir = TestDir::new();
    let file = dir.join("file");
    fs::write(&file, "not ours").unwrap();
    let refused = Launch::at(&file).refused();
    assert_eq!(refused.code, Some(1));
    assert!(refused.said.contains(file.to_str().unwrap()), "{refused:?}");
    assert_eq!(fs::read(&file).unwrap(), b"not ours");

    let node = Launch::at(dir.join("data")).start();
    let addr = node.addr.to_string();
    let refused = Launch::at(dir.join("other")).with("--listen", &addr).refused();
    assert_eq!(refused.code, Some(1));
    assert!(refused.said.contains(&format!("cannot listen at {addr}")), "{refused:?}");
    assert!(!dir.join("other").exists(), "nothing is left behind");

    let named = Launch::at(dir.join("named")).with("--listen", "localhost:0").start();
    assert_eq!(named.ask(&["PING"]), "PONG");
}

#[test]
fn an_argument_that_is_no_text_is_refused_by_name() {
    let dir = TestDir::new();
    let refused =
        Launch::at(dir.join("data")).with("--follow", OsStr::from_bytes(b"\xFF")).refused();
    assert_eq!(refused.code, Some(2));
    assert!(refused.said.contains("is not UTF-8"), "{refused:?}");
}

#[test]
fn a_log_of_a_newer_format_is_refused_and_left_alone() {
    let dir = TestDir::new();
    let data = dir.join("data");
    killed_after(&Launch::at(&data), 5);
    newer_is_refused(&data, LOG);
}

#[test]
fn a_snapshot_of_a_newer_format_is_refused_and_left_alone() {
    let dir = TestDir::new();
    let data = dir.join("data");
    let node = Launch::at(&data).start();
    write(&node, 5);
    assert!(node.ask(&["COMPACT"]).starts_with("compacted: "));
    node.kill();
    let names = content(&data).into_keys().map(|path| path.file_name().unwrap().to_owned());
    let names = names.map(|name| name.into_string().unwrap());
    let snapshots: Vec<String> = names.filter(|name| name.starts_with("snapshot-")).collect();
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    newer_is_refused(&data, &snapshots[0]);
}

/// Makes a file one of the next version.
fn newer_is_refused(data: &Path, name: &str) {
    let path = data.join(name);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let crc = crc32(&[&bytes[..12], &bytes[16..HEADER]].concat());
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let before = content(data);
    for launch in [Launch::at(data), Launch::at(data).flag("--cut-damaged")] {
        let refused = launch.refused();
        assert_eq!(refused.code, Some(1));
        let parts = [name, "format version 2", "nothing was changed"];
        parts.iter().for_each(|part| assert!(refused.said.contains(part), "{refused:?}"));
        assert_eq!(content(data), before);
    }
}

/// As everybody's: the reflected polynomial, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}

#[test]
fn a_torn_end_is_cut_and_reported() {
    let dir = TestDir::new();
    let data = dir.join("data");
    let (launch, log) = (Launch::at(&data), data.join(LOG));
    killed_after(&launch, 10);
    let whole = fs::read(&log).unwrap();
    let last = whole.len() - last_frame(&whole);

    let report = |bytes: &[u8], dropped: usize, keys: usize| {
        fs::write(&log, bytes).unwrap();
        let node = launch.start();
        let line = format!("dropped {dropped} bytes that were not written to the end");
        assert_eq!(node.count_said(&line), 1, "{}", node.said());
        assert_eq!(node.count_said(LOG), 1, "names the file: {}", node.said());
        assert_eq!(first_keys(&node), keys);
        assert_eq!(node.ask(&["SET", "more", "value"]), "OK");
        node.kill();
        // The next start finds nothing to cut, and what was written since.
        let node = launch.start();
        assert_eq!(node.count_said("dropped"), 0, "{}", node.said());
        assert_eq!(node.ask(&["GET", "more"]), "value");
    };
    let with = |tail: &[u8]| [&whole[..], tail].concat();
    report(&with(b"garbage"), 7, 10);
    report(&with(&[0; 4096]), 4096, 10);
    report(&with(&[0xFF; 100]), 100, 10);
    // The last frame with any number of its bytes missing.
    for cut in last + 1..whole.len() {
        report(&whole[..cut], cut - last, 9);
    }
}

/// How long the last frame is: length, checksum, offset, payload.
fn last_frame(log: &[u8]) -> usize {
    let mut at = HEADER;
    loop {
        let payload = u32::from_le_bytes(log[at..at + 4].try_into().unwrap());
        let len = 16 + payload as usize;
        if at + len == log.len() {
            return len;
        }
        at += len;
    }
}

#[test]
fn damage_in_the_middle_is_refused_until_it_is_to_be_cut() {
    let dir = TestDir::new();
    let data = dir.join("data");
    let (launch, log) = (Launch::at(&data), data.join(LOG));
    killed_after(&launch, 40);
    let whole = fs::read(&log).unwrap();
    for damaged in (HEADER..whole.len() - 2 * last_frame(&whole)).step_by(97) {
        let mut bytes = whole.clone();
        bytes[damaged] ^= 0x10;
        fs::write(&log, &bytes).unwrap();
        let before = content(&data);
        let refused = launch.refused();
        assert_eq!(refused.code, Some(1));
        let parts = [LOG, "is damaged", "nothing was changed", "--cut-damaged"];
        parts.iter().for_each(|part| assert!(refused.said.contains(part), "{refused:?}"));
        assert_eq!(content(&data), before);

        let node = launch.clone().flag("--cut-damaged").start();
        assert_eq!(node.count_said("bytes that were damaged"), 1, "{}", node.said());
        assert!(first_keys(&node) < 40);
        node.kill();
        launch.start(); // and from now on it is whole
    }
}
