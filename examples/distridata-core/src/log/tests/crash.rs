//! A crash at every operation, with everything a crash can leave.

use super::*;
use crate::log::sim::Fault;

/// How far a script came.
#[derive(Debug, Clone, Copy, Default)]
struct Reached {
    /// Appends that were tried, that succeeded, that were safe.
    tried: u32,
    appended: u32,
    synced: u32,
}

/// Appends, syncs, rotates, takes snapshots and forgets; goes on whatever fails.
fn script(dir: &SimDir, reached: &mut Reached) {
    let Ok((mut log, _)) = try_open(dir, false) else { return };
    for round in 0..3 {
        for _ in 0..2 {
            append_some(&mut log, reached, 2);
            sync(&mut log, reached);
            append_some(&mut log, reached, 1);
        }
        let Ok(start) = log.rotate() else { continue };
        reached.synced = reached.appended;
        append_some(&mut log, reached, round % 2);
        if take_snapshot(&mut log, start, reached).is_ok() {
            let _ = log.tail().forget_before(start);
        }
    }
    append_some(&mut log, reached, 2);
}

fn append_some(log: &mut Log, reached: &mut Reached, times: u32) {
    for _ in 0..times {
        reached.tried = reached.tried.max(reached.appended + 1);
        if log.append(&payload(1, reached.appended)).is_ok() {
            reached.appended += 1;
        }
    }
}

fn sync(log: &mut Log, reached: &mut Reached) {
    if log.sync().is_ok() {
        reached.synced = reached.appended;
    }
}

fn take_snapshot(log: &mut Log, start: u64, reached: &mut Reached) -> std::io::Result<()> {
    let mut writer = log.snapshot_writer(start)?;
    append_some(log, reached, 1); // while it is written
    chunks(&mut writer, 1, reached.appended)?;
    let consistent_at = log.sync()?;
    reached.synced = reached.appended;
    writer.finish(consistent_at)
}

/// Everything that a crash of `dir` can leave, tears by a few chances.
fn crashes(dir: &SimDir, tears: std::ops::Range<u64>) -> impl Iterator<Item = Crash> + use<> {
    let cuts = (0..dir.unsynced()).map(Crash::Cut);
    [Crash::Kill, Crash::Lose].into_iter().chain(cuts).chain(tears.map(Crash::Tear))
}

/// Opens what a crash left. Pages that are lost out of order may look like damage; nothing else may.
fn open_after(left: &SimDir, how: Crash) -> (Log, Seen) {
    match try_open(left, false) {
        Ok(opened) => opened,
        Err(error) if matches!(how, Crash::Tear(_)) && is_cuttable(&error) => {
            try_open(left, true).unwrap()
        }
        Err(error) => panic!("{how:?}: {error}\n{left:?}"),
    }
}

/// Opens what is left, judges it, loses power, and goes on working with it.
fn judge(left: &SimDir, how: Crash, reached: Reached, syncs_lie: bool) {
    let (mut log, seen) = open_after(left, how);
    let text = format!("{how:?}: {reached:?}, {seen:?}");
    assert!((reached.synced..=reached.tried).contains(&seen.count), "{text}");
    assert_eq!(seen.report.incomplete_until, None, "{text}");
    if how == Crash::Kill {
        assert_eq!(seen.count, reached.appended, "{text}");
        if syncs_lie {
            return; // what a failed sync lost can be read, and nobody can save it
        }
    }
    let (_, again) = open(&left.after(Crash::Lose));
    assert_eq!(again.count, seen.count, "{text}: what was opened is safe");
    append(&mut log, 1, seen.count..seen.count + 2);
    log.sync().unwrap();
    let (_, again) = reopen(left);
    assert_eq!(again.count, seen.count + 2, "{text}, then {again:?}");
    assert_eq!(again.report.cut, None);
}

/// With one frame at a time, no crash leaves what looks like damage.
#[test]
fn frames_that_are_synced_one_by_one_are_never_refused() {
    let mut chance = Chance(seed());
    for nth in 0..60 {
        let dir = SimDir::new();
        dir.fail_at(nth, Fault::Stop);
        let mut reached = Reached::default();
        if let Ok((mut log, _)) = try_open(&dir, false) {
            for number in 0..12 {
                append_some(&mut log, &mut reached, 1);
                sync(&mut log, &mut reached);
                if number % 4 == 3 {
                    let _ = snapshot(&mut log, 1, reached.appended);
                }
            }
        }
        for _ in 0..200 {
            let (_, seen) = open(&dir.after(Crash::Tear(chance.number())));
            assert!((reached.synced..=reached.tried).contains(&seen.count), "{reached:?} {seen:?}");
        }
    }
}

fn operations_of(script: impl Fn(&SimDir)) -> u64 {
    let dir = SimDir::new();
    script(&dir);
    dir.operations()
}

fn each_fault(fault: Fault, tears: u64) {
    let total = operations_of(|dir| script(dir, &mut Reached::default()));
    let seed = seed();
    for nth in 0..=total {
        let (dir, mut reached) = (SimDir::new(), Reached::default());
        dir.fail_at(nth, fault);
        script(&dir, &mut reached);
        for how in crashes(&dir, seed..seed.saturating_add(tears)) {
            judge(&dir.after(how), how, reached, fault != Fault::Stop);
        }
    }
}

#[test]
fn a_process_stopped_at_any_operation_loses_nothing_that_was_synced() {
    each_fault(Fault::Stop, 30);
}

#[test]
fn an_operation_that_finds_no_room_loses_nothing() {
    each_fault(Fault::NoSpace, 10);
}

#[test]
fn an_operation_that_fails_loses_nothing() {
    each_fault(Fault::Io, 10);
}

#[test]
fn an_operation_that_was_done_and_fails_loses_nothing() {
    each_fault(Fault::Late, 10);
}

#[test]
fn short_writes_are_finished() {
    let total = operations_of(|dir| script(dir, &mut Reached::default()));
    for nth in 0..=total {
        let (dir, mut reached) = (SimDir::new(), Reached::default());
        dir.fail_at(nth, Fault::Short);
        script(&dir, &mut reached);
        assert_eq!(reached.tried, reached.appended);
        judge(&dir.crash(Crash::Kill), Crash::Kill, reached, false);
    }
}

#[test]
fn a_crash_at_any_operation_of_opening_is_survived() {
    let seed = seed();
    for nth in 0..=operations_of(|dir| script(dir, &mut Reached::default())) {
        let (dir, mut reached) = (SimDir::new(), Reached::default());
        dir.fail_at(nth, Fault::Stop);
        script(&dir, &mut reached);
        let how =
            [Crash::Kill, Crash::Cut(dir.unsynced() / 2), Crash::Tear(seed)][nth as usize % 3];
        for stop in 0.. {
            assert!(stop < 100, "{how:?}: it is never opened");
            let left = dir.after(how);
            left.fail_at(stop, Fault::Stop);
            let opened = try_open(&left, true).is_ok();
            for again in [Crash::Kill, Crash::Lose, Crash::Tear(seed.wrapping_add(stop))] {
                let left = left.after(again);
                let torn = if matches!(how, Crash::Tear(_)) { how } else { again };
                let (_, seen) = open_after(&left, torn);
                assert!(seen.count >= reached.synced, "{how:?}, {again:?}: {reached:?}, {seen:?}");
            }
            if opened {
                break;
            }
        }
    }
}

#[test]
fn a_torn_last_frame_is_cut_at_every_byte() {
    let dir = SimDir::new();
    let (mut log, _) = open(&dir);
    append(&mut log, 1, 0..3);
    log.sync().unwrap();
    append(&mut log, 1, 3..4);
    for bytes in 0..=dir.unsynced() {
        let left = dir.after(Crash::Cut(bytes));
        let (_, seen) = open(&left);
        let whole = bytes == dir.unsynced();
        assert_eq!(seen.count, if whole { 4 } else { 3 });
        let cut = seen.report.cut.map(|cut| (cut.offset, cut.bytes, cut.damaged));
        let expected = (bytes > 0 && !whole).then_some((offset(3), bytes, false));
        assert_eq!(cut, expected, "after {bytes} bytes");
        assert_eq!(reopen(&left).1.report.cut, None, "it is cut once");
    }
}

#[test]
fn anything_in_any_order_loses_nothing_that_was_synced() {
    let mut chance = Chance(seed());
    for _ in 0..300 {
        let mut dir = SimDir::new();
        let mut reached = Reached::default();
        for _ in 0..4 {
            let before = dir.operations();
            let faults = chance.below(3);
            for _ in 0..faults {
                let fault = [Fault::Io, Fault::NoSpace, Fault::Late, Fault::Stop][chance.below(4)];
                dir.fail_at(before + chance.below(40) as u64, fault);
            }
            random_steps(&dir, &mut chance, &mut reached);
            let how = match chance.below(4) {
                0 if faults == 0 => Crash::Kill, // or a sync may have lied
                0 | 1 => Crash::Cut(chance.below(dir.unsynced() as usize + 1) as u64),
                _ => Crash::Tear(chance.number()),
            };
            dir = dir.crash(how);
            let (_, seen) = open_after(&dir, how);
            assert!((reached.synced..=reached.tried).contains(&seen.count), "{reached:?} {seen:?}");
            // What was found when it was opened is safe.
            let count = seen.count;
            reached = Reached { tried: count, appended: count, synced: count };
        }
    }
}

fn random_steps(dir: &SimDir, chance: &mut Chance, reached: &mut Reached) {
    let Ok((mut log, _)) = try_open(dir, false) else { return };
    for _ in 0..chance.below(25) {
        match chance.below(8) {
            0 | 1 => sync(&mut log, reached),
            2 => {
                if let Ok(start) = log.rotate() {
                    reached.synced = reached.appended;
                    if take_snapshot(&mut log, start, reached).is_ok() && chance.below(2) == 0 {
                        let _ = log.tail().forget_before(start);
                    }
                }
            }
            3 => {
                if log.rotate().is_ok() {
                    reached.synced = reached.appended;
                }
            }
            _ => append_some(&mut log, reached, 1),
        }
    }
}
