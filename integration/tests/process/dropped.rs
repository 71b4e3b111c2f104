//! Children that nobody waits for (PROC-2, PROC-3).

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use runtime_traits::io::{self, ErrorKind};
use runtime_traits::process::{Command, Stdio};

use super::{cat, is_child, pid, sh, until_exited, until_reaped};
use crate::support::{Gate, announced, on_every_runtime, poll_once, with_every_runtime};

on_every_runtime! {
    /// PROC-2: one, and no other child is touched.
    async fn a_dropped_child_leaves_no_zombie() {
        let mut child = cat().spawn().unwrap();
        let (stdin, pid) = (child.stdin.take(), pid(&child));
        drop(child);
        assert!(is_child(pid), "it goes on");
        drop(stdin);
        until_reaped(pid).await;
    }

    async fn a_child_that_has_exited_is_reaped_on_the_spot() {
        let child = Command::new("true").spawn().unwrap();
        let pid = pid(&child);
        until_exited(pid);
        drop(child);
        assert!(!is_child(pid));
    }

    async fn a_child_dropped_while_somebody_waited_leaves_no_zombie() {
        let mut child = cat().spawn().unwrap();
        let (stdin, pid) = (child.stdin.take(), pid(&child));
        assert!(poll_once(std::pin::pin!(child.wait())).await.is_pending());
        drop(child);
        drop(stdin);
        until_reaped(pid).await;
    }

    async fn many_dropped_children_leave_no_zombies() {
        let pids: Vec<_> = (0..50).map(|_| pid(&Command::new("true").spawn().unwrap())).collect();
        for pid in pids {
            until_reaped(pid).await;
        }
    }

    /// PROC-3: killed when it is dropped, and reaped.
    async fn a_child_may_be_killed_when_it_is_dropped() {
        let mut child = cat().kill_on_drop(true).spawn().unwrap();
        let (stdin, pid) = (child.stdin.take(), pid(&child));
        drop(child);
        until_reaped(pid).await;
        drop(stdin);
    }

    async fn one_that_was_waited_for_is_not_killed_again() {
        let mut child = Command::new("true").kill_on_drop(true).spawn().unwrap();
        assert!(child.wait().await.unwrap().success());
        drop(child);
    }

    /// PROC-3: those who collect the output hold the child until the end.
    async fn collecting_does_not_kill() {
        let script = "head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2; exit 3";
        let output = sh(script).kill_on_drop(true).output().await.unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!((output.stdout.len(), output.stderr.len()), (100_000, 100_000));
    }

    async fn a_dropped_future_kills_if_it_should() {
        let (input, mut far) = UnixStream::pair().unwrap();
        let gate = Gate::default();
        let waits = announced(gate.clone(), async move {
            let mut cat = Command::new("cat");
            cat.kill_on_drop(true).stdin(OwnedFd::from(input)).status().await
        });
        let task = runtime_traits::spawn(waits);
        gate.wait().await;
        drop(task.cancel().await);
        // Only the child has the other end, so this is its end.
        assert_eq!(far.read(&mut [0]).unwrap(), 0);
    }
}

with_every_runtime! {
    /// The runtime ends first: the next start of a child, on another runtime, finds it.
    fn a_child_that_outlives_its_runtime_leaves_no_zombie(start: Start) {
        let owner = start();
        let (stdin, pid) = owner.block_on(async {
            let mut child = cat().spawn().unwrap();
            let stdin = child.stdin.take().unwrap().into_std().unwrap();
            (stdin, pid(&child)) // and the child is dropped
        });
        drop(owner);
        drop(stdin);
        start().block_on(async {
            while is_child(pid) {
                Command::new("true").status().await.unwrap();
            }
        });
    }

    /// The runtime is there, but nobody drives it: the next start of a child, on another, finds it.
    fn a_child_of_a_runtime_at_rest_leaves_no_zombie(start: Start) {
        let owner = start();
        let (stdin, pid) = owner.block_on(async {
            let mut child = cat().spawn().unwrap();
            let stdin = child.stdin.take().unwrap().into_std().unwrap();
            (stdin, pid(&child)) // and the child is dropped
        });
        drop(stdin);
        start().block_on(async {
            while is_child(pid) {
                Command::new("true").status().await.unwrap();
            }
        });
        // What the runtime itself did meanwhile does no harm.
        owner.block_on(async { assert!(Command::new("true").status().await.unwrap().success()) });
    }

    fn a_child_may_be_dropped_after_its_runtime(start: Start) {
        let owner = start();
        let mut child = owner.handle().enter(|| cat().spawn()).unwrap();
        let (stdin, pid) = (child.stdin.take().unwrap().into_std().unwrap(), pid(&child));
        drop(owner);
        drop(child);
        drop(stdin);
        start().block_on(async {
            while is_child(pid) {
                Command::new("true").status().await.unwrap();
            }
        });
    }

    fn its_pipes_say_that_the_runtime_has_ended(start: Start) {
        let owner = start();
        let mut child = owner.handle().enter(|| cat().stdout(Stdio::piped()).spawn()).unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        drop(owner);
        let told = |result: io::Result<usize>| result.unwrap_err().kind() != ErrorKind::WouldBlock;
        assert!(told(crate::support::alone(stdout.read(&mut [0]))));
        assert!(told(crate::support::alone(stdin.write(&[0]))));
        // What they are does not end with it.
        let (mut stdin, mut stdout) = (stdin.into_std().unwrap(), stdout.into_std().unwrap());
        std::io::Write::write_all(&mut stdin, b"x").unwrap();
        let mut byte = [0];
        std::io::Read::read_exact(&mut stdout, &mut byte).unwrap();
        assert_eq!(byte, *b"x");
    }
}
