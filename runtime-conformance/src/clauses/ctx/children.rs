//! CTX-10: child processes away from their runtime.

use std::future::{Future, poll_fn};
use std::task::Poll;

use runtime_traits::process::{Child, ChildStdin, Command, Stdio};

use super::abroad::drive_beside;
use crate::Cap;
use crate::clauses::proc;
use crate::rig::{Rig, await_outside};
use crate::rt::Rt;

/// CTX-10: a child uses the runtime that it was started on: awaited elsewhere its end is told, or it says
/// that it cannot; when that runtime has ended, it says so.
///
/// Method: children of A that end when we say so are awaited in a task of B and on an executor of
/// nobody's, while A is driven. A third is awaited on B, pending, when A ends: as the child still runs,
/// the only right answer is an error.
///
/// If this fails, look for a reactor that is looked up at the first poll, and for a wait that nobody
/// tells of the end.
pub(super) fn ctx_10_a_child_stays_with_its_runtime(rig: &Rig<'_>) {
    let (a, b) = (rig.rt(), rig.rt());
    let mut children: Vec<_> = (0..3).map(|_| waits_for_us(rig, &a)).collect();
    let (mut orphan, end_of_orphan) = children.pop().expect("three were started");
    let (away, blocks) = (b.clone(), rig.has(Cap::Block));
    rig.drive_while(&a, "CTX-10: children that are awaited elsewhere", move || {
        let mut ended = |place: &'static str| {
            let (mut child, stdin) = children.pop().expect("one for each place");
            async move {
                let mut wait = Box::pin(child.wait());
                let mut stdin = Some(stdin);
                let status = poll_fn(|cx| {
                    let polled = wait.as_mut().poll(cx);
                    drop(stdin.take()); // after the first poll: now it ends
                    polled
                });
                let status = status.await;
                let right = status.as_ref().map_or(true, |status| status.success());
                assert!(
                    right,
                    "CTX-10: the end of a child, awaited {place}, is told as {status:?}"
                );
            }
        };
        let first = away.spawn(ended("in another runtime's task"));
        let outcome = drive_beside(&away, blocks, "CTX-10: a child in another runtime", first);
        assert!(outcome.is_ok(), "CTX-10: a task with a child of another's gave {outcome:?}");
        let nowhere = ended("on an executor of nobody's");
        await_outside("CTX-10: a child on an executor of nobody's", nowhere);
    });
    let mut waits = Box::pin(orphan.wait());
    let pending = rig.drive(&b, "CTX-10: a poll of another's child", async {
        poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await
    });
    assert!(pending, "CTX-10: the end of a child was told that waits for its input");
    rig.shutdown(a);
    let told = rig.drive(&b, "CTX-10: a child whose runtime has ended", waits.as_mut());
    assert!(told.is_err(), "CTX-10: a child that runs, of an ended runtime, gave {told:?}");
    drop(waits);
    drop((orphan, end_of_orphan));
    rig.shutdown(b);
}

/// A child of `rt` that ends with its input, which is ours.
fn waits_for_us(rig: &Rig<'_>, rt: &Rt) -> (Child, ChildStdin) {
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = proc::start(rig, rt, "CTX-10", &mut cat);
    let stdin = child.stdin.take().expect("CTX-10: a piped input is there");
    (child, stdin)
}
