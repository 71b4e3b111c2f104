//! Bits that flip, files that are cut, files of the future.

use super::*;
use crate::log::files::Dir;
use crate::log::header::{Header, Kind};

/// A directory with two segments and a snapshot; `count` payloads were appended.
fn small() -> (SimDir, u32) {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..3);
    let start = snapshot(&mut log, 1, 3).unwrap();
    log.tail().forget_before(start).unwrap();
    append(&mut log, 1, 3..5);
    log.rotate().unwrap();
    append(&mut log, 1, 5..8);
    log.sync().unwrap();
    (dir, 8)
}

fn size(dir: &SimDir, name: &str) -> usize {
    dir.open(name).unwrap().size().unwrap() as usize
}

/// Opens a damaged log with and without cutting: it is noticed, and never taken for data.
fn notice(dir: &SimDir, count: u32, lost_max: u32, what: &str) {
    let before = format!("{dir:?}");
    match try_open(&dir.after(Crash::Kill), false) {
        Err(error) => assert!(is_damaged(&error), "{what}: {error}"),
        Ok((_, seen)) => {
            assert!(seen.report.cut.is_some_and(|cut| !cut.damaged), "{what}: not noticed");
            assert!((count - lost_max..count).contains(&seen.count), "{what}: {}", seen.count);
        }
    }
    let refused = try_open(dir, false).err();
    if let Some(error) = refused {
        assert_eq!(format!("{dir:?}"), before, "{what}: a refused log is not changed");
        let cut = try_open(dir, true);
        assert_eq!(cut.is_ok(), is_cuttable(&error), "{what}: {error}");
        if let Ok((_, seen)) = cut {
            assert!(seen.count < count && seen.report.cut.is_some(), "{what}: {seen:?}");
            assert_eq!(reopen(dir).1.count, seen.count, "{what}: it is cut once");
        }
    }
}

#[test]
fn every_bit_that_flips_is_noticed() {
    let (dir, count) = small();
    for name in dir.list().unwrap() {
        for bit in 0..size(&dir, &name) * 8 {
            let damaged = dir.after(Crash::Kill);
            damaged.edit(&name, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            notice(&damaged, count, 1, &format!("{name}, bit {bit}"));
        }
    }
}

#[test]
fn every_file_that_is_cut_is_noticed() {
    let (dir, count) = small();
    let ends: Vec<u64> = (5..=8).map(|n| 32 + offset(n) - offset(5)).collect();
    for name in dir.list().unwrap() {
        for len in 0..size(&dir, &name) {
            if name == Kind::Segment.name(offset(5)) && ends.contains(&(len as u64)) {
                continue; // whole frames are missing at the very end: nobody can tell
            }
            let damaged = dir.after(Crash::Kill);
            damaged.edit(&name, |bytes| bytes.truncate(len));
            notice(&damaged, count, 3, &format!("{name}, cut to {len}"));
        }
    }
}

#[test]
fn bytes_by_chance_are_never_taken_for_data() {
    let (dir, count) = small();
    let mut chance = Chance(seed());
    let names = dir.list().unwrap();
    for _ in 0..3000 {
        let damaged = dir.after(Crash::Kill);
        let name = &names[chance.below(names.len())];
        let at = chance.below(size(&dir, name));
        let len = 1 + chance.below(100);
        let zeros = chance.below(2) == 0;
        damaged.edit(name, |bytes| {
            bytes.resize(bytes.len().max(at + len), 0);
            for byte in &mut bytes[at..at + len] {
                *byte = if zeros { 0 } else { chance.number() as u8 };
            }
        });
        // It may be that nothing was changed, or only what comes behind the end.
        for cut in [false, true] {
            // `Seen` checks every payload.
            if let Ok((_, seen)) = try_open(&damaged.after(Crash::Kill), cut) {
                assert!(seen.count <= count);
            }
        }
    }
}

#[test]
fn the_refusal_names_file_and_place_and_says_what_to_do() {
    let (dir, _) = small();
    let name = Kind::Segment.name(offset(5));
    dir.edit(&name, |bytes| bytes[32 + 20] ^= 1);
    let error = try_open(&dir, false).unwrap_err();
    let text = error.to_string();
    for part in [&name, &format!("offset {} ", offset(5)), "byte 32 ", "--cut-damaged"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let (_, seen) = try_open(&dir, true).unwrap();
    let cut = seen.report.cut.unwrap();
    assert_eq!((cut.offset, cut.bytes), (offset(5), offset(8) - offset(5)));
    assert!(cut.damaged);
}

#[test]
fn damage_in_an_earlier_segment_takes_the_later_ones_with_it() {
    let (dir, _) = small();
    dir.edit(&Kind::Segment.name(offset(3)), |bytes| *bytes.last_mut().unwrap() ^= 1);
    assert!(is_cuttable(&try_open(&dir, false).unwrap_err()));
    let (mut log, seen) = try_open(&dir, true).unwrap();
    assert_eq!(seen.count, 4);
    assert_eq!(seen.report.cut.unwrap().bytes, offset(8) - offset(4));
    append(&mut log, 1, 4..6);
    log.sync().unwrap();
    assert_eq!(reopen(&dir).1.count, 6);
}

#[test]
fn a_missing_file_is_noticed() {
    let (dir, _) = small();
    for name in dir.list().unwrap() {
        let left = dir.after(Crash::Kill);
        left.remove(&name).unwrap();
        let last = name == Kind::Segment.name(offset(5));
        match try_open(&left, false) {
            Ok(_) => assert!(last, "without {name}"),
            // What a snapshot held is not in the log behind it: there is nothing to be cut.
            Err(error) => assert_eq!(is_cuttable(&error), name.starts_with("log-"), "{error}"),
        }
    }
}

#[test]
fn files_of_a_newer_version_are_refused_and_not_changed() {
    for kind in [Kind::Segment, Kind::Snapshot] {
        let (dir, _) = small();
        let name = kind.name(offset(3));
        let header = Header { kind, generation: 1, offset: offset(3) };
        dir.edit(&name, |bytes| bytes[..32].copy_from_slice(&header.encode_version(7)));
        dir.create("log-9.tmp").unwrap();
        let before = format!("{dir:?}");
        for cut in [false, true] {
            let error = try_open(&dir, cut).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("version 7") && text.contains("version 1"), "{text}");
        }
        assert_eq!(format!("{dir:?}"), before);
    }
}

#[test]
fn what_the_caller_refuses_is_an_error_with_its_place() {
    let (dir, _) = small();
    let refused = Log::open(Arc::new(dir), &Options::default(), &mut |replay| match replay {
        Replay::Frame(frame) if frame.offset == offset(4) => Err("cannot read it".into()),
        _ => Ok(()),
    });
    let text = refused.unwrap_err().to_string();
    assert!(text.contains(&offset(4).to_string()) && text.contains("cannot read it"), "{text}");
}

#[test]
fn a_disk_that_cannot_be_read_is_an_error_and_no_damage() {
    let (dir, _) = small();
    for nth in 0.. {
        let dir = dir.after(Crash::Kill);
        dir.fail_read_after(nth);
        match try_open(&dir, true) {
            Ok((_, seen)) => {
                assert!(nth > 5 && seen.count == 8);
                break;
            }
            Err(error) => assert!(!is_damaged(&error), "{error}"),
        }
    }
}
