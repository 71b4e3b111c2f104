//! PROC-1 and PROC-6: that a child has ended, and how.

use std::future::{Future, poll_fn};
use std::io;
use std::mem::replace;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;

use runtime_traits::process::{Child, Command, ExitStatus, Stdio};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, getpid, kill_process};

use super::{sh, start, wait_until_exited, waiting_cat};
use crate::rig::Rig;
use crate::toolbox::Tally;
use crate::toolbox::fence::fence;

/// How many children there are, of two runtimes and of nobody's.
const CHILDREN: u8 = 50;

/// PROC-1: the exit status is the child's own, every time, whatever becomes of other children and
/// whoever waits for those.
///
/// Method: fifty children with fifty codes, of two runtimes and of std's by turns. When all have exited,
/// and none was waited for, those of one runtime are awaited, the last one first, then those of the
/// other, each twice, and asked once more. Then std is asked for its own.
///
/// If this fails, look for a wait for *any* child, or a status that is taken from the kernel twice.
pub(super) fn proc_1_each_status_is_the_child_s_own(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let (mut of_a, mut of_b, mut of_std) = (Vec::new(), Vec::new(), Vec::new());
    for code in 1..=CHILDREN {
        let mut exits = sh(&format!("exit {code}"));
        match code % 3 {
            0 => of_a.push((code, start(rig, &a, "PROC-1", &mut exits))),
            1 => of_b.push((code, start(rig, &b, "PROC-1", &mut exits))),
            _ => of_std.push((code, rig.setup("starting a process", exits.into_std().spawn()))),
        }
    }
    let of_runtimes = of_a.iter().chain(&of_b).map(|(_, child)| child.id());
    let ids: Vec<u32> = of_runtimes.chain(of_std.iter().map(|(_, child)| child.id())).collect();
    ids.into_iter().for_each(wait_until_exited);
    for (rt, children) in [(&a, &mut of_a), (&b, &mut of_b)] {
        rig.drive(rt, "PROC-1: children, the last one first", async {
            for (code, child) in children.iter_mut().rev() {
                for time in ["the first time", "the second time"] {
                    expect(*code, child.wait().await.map(Some), time);
                }
                expect(*code, child.try_wait(), "when it is asked");
            }
        });
    }
    for (code, mut child) in of_std {
        expect(code, child.wait().map(Some), "for std");
    }
    drop((of_a, of_b));
    rig.shutdown(a);
    rig.shutdown(b);
}

fn expect(code: u8, status: io::Result<Option<ExitStatus>>, time: &str) {
    let own = matches!(&status, Ok(Some(status)) if status.code() == Some(code.into()));
    assert!(own, "PROC-1: a child that exits with {code} gave, {time}, {status:?}");
}

/// PROC-1: what is told of a child and is no exit changes nothing: it is awaited until it exits.
///
/// Method: a child is awaited and seen to be pending. It is stopped and continued, and this process is
/// sent the signal that says that a child has exited, though none has. After a fence the wait must still
/// be pending. Then the child exits, and its status is right.
///
/// If this fails, look for an event that is believed without a look at the child.
pub(super) fn proc_1_what_is_no_exit_changes_nothing(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (mut child, stdin) = waiting_cat(rig, &rt, "PROC-1");
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.expect("PROC-1: the number of a child is one");
    let (waiting, done) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
    let (waits, ends) = (waiting.clone(), done.clone());
    let task = rt.spawn(async move {
        let status = says_that_it_waits(&waits, child.wait()).await;
        ends.add();
        status
    });
    rig.drive(&rt, "PROC-1: a child that is stopped and continued", async {
        waiting.reached(1).await;
        for (to, signal) in [(pid, Signal::STOP), (pid, Signal::CONT), (getpid(), Signal::CHILD)] {
            rig.setup("sending a signal", kill_process(to, signal).map_err(Into::into));
            fence(rt.handle(), 4).await;
        }
        assert_eq!(done.count(), 0, "PROC-1: the end was told of a child that has not exited");
        drop(stdin);
        let status = task.await;
        let right = matches!(&status, Ok(Ok(status)) if status.success());
        assert!(right, "PROC-1: a child that was stopped and continued gave {status:?}");
    });
    rig.shutdown(rt);
}

/// How many exit before anybody waits, and how many at once.
const BEFORE: usize = 200;
const AT_ONCE: usize = 100;

/// PROC-6: a child that has exited before anybody waits is reported.
///
/// Method: two hundred children that exit at once are started in a burst. When all have exited, none of
/// them waited for, each is awaited.
///
/// If this fails with a hang, look for a watch that begins with the first wait, and does not look first.
pub(super) fn proc_6_who_has_exited_before_is_reported(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut children: Vec<Child> =
        (0..BEFORE).map(|_| start(rig, &rt, "PROC-6", &mut Command::new("true"))).collect();
    children.iter().for_each(|child| wait_until_exited(child.id()));
    rig.drive(&rt, "PROC-6: a child that exited before anybody waited", async {
        for child in &mut children {
            succeeds(child.wait().await);
        }
    });
    drop(children);
    rig.shutdown(rt);
}

/// PROC-6: of many children that exit at once each is reported.
///
/// Method: a hundred children have one input, and end with it. A task awaits each. When all are seen to
/// wait, the input is closed. So the system may tell of many exits by one signal.
///
/// If this fails with a hang, look for one look at a child for each signal, or one child for each look.
pub(super) fn proc_6_who_exit_at_once_are_reported(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (input, ours) = rig.setup("a pipe", a_pipe());
    let waiting = Arc::new(Tally::new());
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let stdin = rig.setup("a descriptor", input.try_clone());
            let mut cat = Command::new("cat");
            cat.stdin(stdin).stdout(Stdio::null());
            let mut child = start(rig, &rt, "PROC-6", &mut cat);
            let waiting = waiting.clone();
            rt.spawn(async move { says_that_it_waits(&waiting, child.wait()).await })
        })
        .collect();
    drop(input);
    rig.drive(&rt, "PROC-6: each of many children that exit at once", async {
        waiting.reached(AT_ONCE).await;
        drop(ours);
        for task in tasks {
            let status = task.await;
            succeeds(status.expect("PROC-6: a task that awaits a child failed"));
        }
    });
    rig.shutdown(rt);
}

/// Awaits `future`; adds to `waiting` when it has been polled.
async fn says_that_it_waits<F: Future>(waiting: &Tally, future: F) -> F::Output {
    let (mut future, mut said) = (pin!(future), false);
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if !replace(&mut said, true) {
            waiting.add();
        }
        polled
    })
    .await
}

/// The end that is read, which children get, and ours. Neither is inherited by itself.
fn a_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC)?)
}

fn succeeds(status: io::Result<ExitStatus>) {
    let right = status.as_ref().is_ok_and(ExitStatus::success);
    assert!(right, "PROC-6: a child that exits with 0 gave {status:?}");
}
