//! PROC-2 and PROC-3: what becomes of children that are dropped, awaited, killed.

use std::io;
use std::os::unix::process::ExitStatusExt;

use runtime_traits::process::{Child, Command, ExitStatus, Stdio};

use super::{is_gone, sh, start, wait_until_exited, wait_until_gone, waiting_cat};
use crate::rig::Rig;
use crate::rt::Rt;

/// The number of `SIGKILL`, everywhere.
const KILL: i32 = 9;

/// PROC-2: a child that was dropped, or waited for, leaves no zombie, also if no other child is ever
/// touched.
///
/// Method: one child has exited when it is dropped; one exits afterwards; one is to be killed when it is
/// dropped; one is awaited. After each, and before the next is started, the kernel is asked until there
/// is nothing left of it, while the runtime is driven and nothing is asked of it.
///
/// If this fails with a hang, look for a list of orphans that is looked at when the next child is
/// started, or polled.
pub(super) fn proc_2_no_zombie_stays(rig: &Rig<'_>) {
    let rt = rig.rt();
    let exited = start(rig, &rt, "PROC-2", &mut Command::new("true"));
    wait_until_exited(exited.id());
    goes(rig, &rt, exited, "a child that had exited when it was dropped", || ());
    let (lives, stdin) = waiting_cat(rig, &rt, "PROC-2");
    goes(rig, &rt, lives, "a child that exits after it was dropped", || drop(stdin));
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
    let killed = start(rig, &rt, "PROC-2", &mut cat);
    goes(rig, &rt, killed, "a child that is killed when it is dropped", || ());
    let mut awaited = start(rig, &rt, "PROC-2", &mut Command::new("true"));
    let status = rig.drive(&rt, "PROC-2: a child that exits", awaited.wait());
    assert!(status.is_ok(), "PROC-2: a child that exits gave {status:?}");
    assert!(is_gone(awaited.id()), "PROC-2: a child that was waited for is a zombie");
    drop(awaited);
    rig.shutdown(rt);
}

/// Drops `child`, then does `after`; returns when nothing is left of it.
fn goes(rig: &Rig<'_>, rt: &Rt, child: Child, who: &str, after: impl FnOnce() + Send) {
    let hang = format!("PROC-2: {who} to be reaped");
    rig.drive_while(rt, &hang, || {
        let id = child.id();
        drop(child);
        after();
        wait_until_gone(id, &hang);
    });
}

/// PROC-3: a child can be killed, once and again, and when it has exited; it is no error then.
///
/// Method: a child that waits for its input is killed twice; its status is that of the signal. It is
/// killed once more. So is one that has exited by itself, before and after it is waited for: its status
/// stays its own.
///
/// If this fails, look for an error of the kernel's, or of std's, that is handed on.
pub(super) fn proc_3_killing(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (mut child, stdin) = waiting_cat(rig, &rt, "PROC-3");
    kill(&mut child, "a child that runs");
    kill(&mut child, "a child that was killed a moment ago");
    let status = rig.drive(&rt, "PROC-3: a child that was killed", child.wait());
    let killed = status.as_ref().is_ok_and(|status| status.signal() == Some(KILL));
    assert!(killed, "PROC-3: a child that was killed gave {status:?}");
    kill(&mut child, "a child that was killed and waited for");
    drop((child, stdin));
    let mut child = start(rig, &rt, "PROC-3", &mut sh("exit 3"));
    wait_until_exited(child.id());
    kill(&mut child, "a child that has exited");
    for time in ["the first time", "the second time"] {
        let status = rig.drive(&rt, "PROC-3: a child that was killed too late", child.wait());
        let own = status.as_ref().is_ok_and(|status| status.code() == Some(3));
        assert!(
            own,
            "PROC-3: a child that exited with 3 before it was killed gave, {time}, {status:?}"
        );
        kill(&mut child, "a child that has exited and was waited for");
    }
    drop(child);
    rig.shutdown(rt);
}

fn kill(child: &mut Child, who: &str) {
    let killed = child.kill();
    assert!(killed.is_ok(), "PROC-3: killing {who} gave {killed:?}");
}

/// PROC-3: a child is killed when it is dropped if that was asked for, and otherwise it goes on.
///
/// Method: two children that give back what they are given; one is to be killed. Both are dropped, their
/// inputs and outputs are not. Of the one that is to be killed the output ends, though its input does
/// not; the other still gives back a byte.
///
/// If this fails, look for a destructor that kills, or does not, by another setting than the child's.
pub(super) fn proc_3_kill_on_drop(rig: &Rig<'_>) {
    let rt = rig.rt();
    for killed in [true, false] {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(killed);
        let mut child = start(rig, &rt, "PROC-3", &mut cat);
        let id = child.id();
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.expect("PROC-3: pipes that were asked for are there");
        drop(child);
        let hang = format!("PROC-3: a dropped child, kill_on_drop({killed}), to end or to answer");
        let answer = rig.drive(&rt, &hang, async {
            if !killed {
                stdin.write_all(b"5").await?;
            }
            let mut answer = [0; 8];
            let n = stdout.read(&mut answer).await?;
            io::Result::Ok(answer[..n].to_vec())
        });
        let right = match killed {
            true => answer.as_ref().is_ok_and(Vec::is_empty),
            false => answer.as_ref().is_ok_and(|answer| answer == b"5"),
        };
        assert!(right, "PROC-3: a dropped child, kill_on_drop({killed}), gave back {answer:?}");
        rig.drive_while(&rt, "PROC-3: a dropped child to be reaped", || {
            drop((stdin, stdout));
            wait_until_gone(id, "PROC-3: a dropped child to be reaped");
        });
    }
    rig.shutdown(rt);
}

/// PROC-3: who collects the output of a child holds it: it is not killed before it has exited, though it
/// is to be killed when it is dropped.
///
/// Method: the child ends one of its outputs early, takes its time, and writes to the other. Both must be
/// there in full, and the status must be its own. Each output is the early one once.
///
/// If this fails, look for a child that is dropped when its pipes are taken out of it, or when the first
/// of them ends.
pub(super) fn proc_3_who_collects_holds_the_child(rig: &Rig<'_>) {
    let rt = rig.rt();
    for (early, late) in [("1", "2"), ("2", "1")] {
        let script = format!(
            "echo early >&{early}; exec {early}>&-; sleep 0.05; echo late >&{late}; exit 7"
        );
        let mut child = sh(&script);
        child.kill_on_drop(true);
        let collecting = rt.handle().wrap(async move { child.output().await });
        let output = rig.drive(&rt, "PROC-3: the outputs of a slow child", collecting);
        let output = output.unwrap_or_else(|error| panic!("PROC-3: collecting gave {error}"));
        let texts = match early {
            "1" => [&output.stdout, &output.stderr],
            _ => [&output.stderr, &output.stdout],
        };
        let texts = texts.map(|text| String::from_utf8_lossy(text));
        assert_eq!(texts, ["early\n", "late\n"], "PROC-3: what was collected of a slow child");
        let code = ExitStatus::code(&output.status);
        assert_eq!(code, Some(7), "PROC-3: the status of a child that was collected: {output:?}");
    }
    rig.shutdown(rt);
}
