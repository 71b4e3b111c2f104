//! PROC-4: pipes between us and a child.

use runtime_traits::process::{Command, Stdio};

use super::{sh, start};
use crate::rig::Rig;

/// PROC-4: waiting closes an input that nobody took, since it may be what the child waits for.
///
/// Method: a child that ends with its input is awaited, its input piped and left where it is; so is one
/// whose output is collected.
///
/// If this fails with a hang, look for a pipe that lives as long as the child does.
pub(super) fn proc_4_waiting_closes_an_untaken_input(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = start(rig, &rt, "PROC-4", &mut cat);
    let status = rig.drive(&rt, "PROC-4: a child whose input nobody took", child.wait());
    let right = status.as_ref().is_ok_and(|status| status.success());
    assert!(right, "PROC-4: a child whose input nobody took gave {status:?}");
    let child = start(rig, &rt, "PROC-4", cat.stdout(Stdio::piped()));
    let collecting = child.wait_with_output();
    let output =
        rig.drive(&rt, "PROC-4: the output of a child whose input nobody took", collecting);
    let right = output.as_ref().is_ok_and(|output| output.status.success());
    assert!(right, "PROC-4: a child whose input nobody took, collected, gave {output:?}");
    rig.shutdown(rt);
}

/// How much goes to each output: far more than a pipe holds.
const MUCH: usize = 4 << 20;

/// PROC-4: collecting takes from both outputs as it comes.
///
/// Method: a child fills one output and then the other, with four megabytes each; another the other way
/// round. All of it must be collected.
///
/// If this fails with a hang, look for one output that is read to its end before the other.
pub(super) fn proc_4_both_outputs_are_collected_side_by_side(rig: &Rig<'_>) {
    let rt = rig.rt();
    for (first, second) in [(1, 2), (2, 1)] {
        let much = format!("head -c {MUCH} /dev/zero");
        let mut child = sh(&format!("{much} >&{first} && {much} >&{second}"));
        let collecting = rt.handle().wrap(async move { child.output().await });
        let hang = format!("PROC-4: {MUCH} bytes on output {first}, then on {second}");
        let output = rig.drive(&rt, &hang, collecting);
        let output = output.unwrap_or_else(|error| panic!("PROC-4: collecting gave {error}"));
        if !output.status.success() {
            rig.inconclusive("this system's `head` does not count bytes");
        } else {
            let collected = [output.stdout.len(), output.stderr.len()];
            assert_eq!(collected, [MUCH; 2], "PROC-4: how much was collected of both outputs");
        }
    }
    rig.shutdown(rt);
}

/// PROC-4: waiting ends when the child does, whoever keeps its pipes.
///
/// Method: a child leaves behind one of its own, which has its pipes, and exits. It is awaited, and so is
/// its end; then a byte still comes back from the one that was left behind, so the pipes were open.
///
/// If this fails with a hang, look for a wait that reads to the end of an output first.
pub(super) fn proc_4_waiting_ends_with_the_child(rig: &Rig<'_>) {
    let rt = rig.rt();
    // A shell gives what runs in its background an empty input, unless told otherwise.
    let mut leaves = sh("exec 3<&0; cat <&3 & exit 3");
    let mut child = start(rig, &rt, "PROC-4", leaves.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let stdin = child.stdin.take().expect("PROC-4: an input that was asked for is there");
    let status = rig.drive(&rt, "PROC-4: a child whose own child keeps its pipes", child.wait());
    let own = status.as_ref().is_ok_and(|status| status.code() == Some(3));
    assert!(own, "PROC-4: a child whose own child keeps its pipes gave {status:?}");
    let stdout = child.stdout.take().expect("PROC-4: an output that was asked for is there");
    let mut answer = [0; 8];
    let answered =
        rig.drive(&rt, "PROC-4: a byte through the pipes of a child that has exited", async {
            stdin.write_all(b"5").await?;
            stdout.read(&mut answer).await
        });
    assert!(
        matches!(answered, Ok(1)),
        "PROC-4: pipes of a child that has exited gave {answered:?}"
    );
    drop(stdin); // and the one that was left behind ends
    let end = stdout.read(&mut answer);
    let ended = rig.drive(&rt, "PROC-4: the end of what was left behind", end);
    assert!(matches!(ended, Ok(0)), "PROC-4: the end of what was left behind gave {ended:?}");
    rig.shutdown(rt);
}
