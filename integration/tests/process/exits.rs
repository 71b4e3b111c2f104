//! How children end, and who hears of it (PROC-1, PROC-6).

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::task::Poll;

use runtime_traits::Handle;
use runtime_traits::io::ErrorKind;
use runtime_traits::process::{Command, Stdio};
use rustix::process::{Signal, kill_process};

use super::{cat, pid, sh, until_exited};
use crate::support::{
    Gate, MANY, alone, announced, on_every_runtime, poll_once, waiting, with_every_runtime,
};

on_every_runtime! {
    async fn a_status_is_what_the_child_says() {
        assert!(Command::new("true").status().await.unwrap().success());
        assert_eq!(sh("exit 7").status().await.unwrap().code(), Some(7));
        assert_eq!(sh("kill -TERM $$").status().await.unwrap().signal(), Some(15));
        let error = Command::new("/nowhere/at-all").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    /// PROC-1: distinct codes, in reverse, children of std's in between, each asked twice.
    async fn each_child_has_its_own_status() {
        let mut children = Vec::new();
        for code in 0..50 {
            children.push((code, sh(&format!("exit {code}")).spawn().unwrap()));
            if code % 10 == 0 {
                assert!(std::process::Command::new("true").status().unwrap().success());
            }
        }
        for (code, child) in children.iter_mut().rev() {
            assert_eq!(child.wait().await.unwrap().code(), Some(*code));
            assert_eq!(child.wait().await.unwrap().code(), Some(*code), "again");
            assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(*code), "and again");
        }
    }

    /// PROC-6: many that have exited before anybody waits.
    async fn a_child_that_has_exited_before_is_reported() {
        let mut children: Vec<_> =
            (0..50).map(|_| Command::new("true").spawn().unwrap()).collect();
        children.iter().for_each(|child| until_exited(pid(child)));
        for child in &mut children {
            assert!(child.wait().await.unwrap().success());
        }
    }

    /// Many that exit while each has its waiter.
    async fn all_that_exit_at_once_are_reported() {
        // All of them read one socket, whose end ends them.
        let (input, ends) = UnixStream::pair().unwrap();
        let waits: Vec<_> = (0..30)
            .map(|code| {
                let input = OwnedFd::from(input.try_clone().unwrap());
                let mut child = sh(&format!("read line; exit {code}")).stdin(input).spawn().unwrap();
                let gate = Gate::default();
                let wait = announced(gate.clone(), async move { child.wait().await });
                (code, gate, runtime_traits::spawn(wait))
            })
            .collect();
        for (_, gate, _) in &waits {
            gate.wait().await;
        }
        drop(ends);
        for (code, _, wait) in waits {
            assert_eq!(wait.await.unwrap().unwrap().code(), Some(code));
        }
    }

    async fn asking_does_not_wait() {
        let mut child = cat().spawn().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        assert!(child.stdin.is_some(), "asking closes nothing");
        drop(child.stdin.take());
        until_exited(pid(&child));
        assert!(child.try_wait().unwrap().unwrap().success());
        assert!(child.wait().await.unwrap().success());
    }

    async fn a_wait_that_is_dropped_takes_nothing() {
        let mut child = cat().spawn().unwrap();
        let stdin = child.stdin.take();
        for _ in 0..3 {
            assert!(poll_once(std::pin::pin!(child.wait())).await.is_pending());
        }
        drop(stdin);
        assert!(child.wait().await.unwrap().success());
    }

    /// PROC-3: once, twice, and after it has exited.
    async fn killing_ends_and_may_be_repeated() {
        let mut child = cat().spawn().unwrap();
        let _stdin = child.stdin.take();
        child.kill().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        child.kill().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
    }

    async fn a_child_may_ignore_a_polite_request() {
        let mut child = sh("trap '' TERM; echo ready; read line; echo still here; read line")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut text = [0; 64];
        assert_eq!(stdout.read(&mut text).await.unwrap(), 6, "ready");
        kill_process(pid(&child), Signal::TERM).unwrap();
        stdin.write_all(b"\n").await.unwrap();
        assert_eq!(stdout.read(&mut text).await.unwrap(), 11, "still here");
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
    }

    async fn a_stopped_child_has_not_exited() {
        let mut child = cat().spawn().unwrap();
        let stdin = child.stdin.take();
        kill_process(pid(&child), Signal::STOP).unwrap();
        let stopped = rustix::process::WaitIdOptions::STOPPED;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid(&child)), stopped).unwrap();
        assert!(poll_once(std::pin::pin!(child.wait())).await.is_pending());
        kill_process(pid(&child), Signal::CONT).unwrap();
        drop(stdin);
        assert!(child.wait().await.unwrap().success());
    }
}

with_every_runtime! {
    /// PROC-1 and CTX-10: two runtimes, and each child awaited on the other.
    fn a_child_may_be_awaited_on_another_runtime(start: Start) {
        for other in MANY {
            let (owner, other) = (start(), other());
            let theirs = other.handle();
            owner.block_on(async {
                for code in 0..5 {
                    let script = format!("exit {code}");
                    let mut far = theirs.enter(|| sh(&script).spawn()).unwrap();
                    let mut near = sh(&script).spawn().unwrap();
                    let away = theirs.spawn(async move { near.wait().await });
                    assert_eq!(far.wait().await.unwrap().code(), Some(code));
                    assert_eq!(away.await.unwrap().unwrap().code(), Some(code));
                }
            });
        }
    }

    /// SHUTDOWN-4: whoever waits when the runtime ends is told; the child goes on.
    fn a_runtime_that_ends_tells_those_who_wait(start: Start) {
        let owner = start();
        let mut child = owner.handle().enter(|| cat().spawn()).unwrap();
        let stdin = child.stdin.take().unwrap().into_std().unwrap();
        let wait = waiting(async move { (child.wait().await, child) });
        drop(owner);
        let (told, mut child) = wait.join().unwrap();
        told.unwrap_err();
        assert_eq!(child.try_wait().unwrap(), None, "it goes on");
        drop(stdin);
        until_exited(pid(&child));
        assert!(child.try_wait().unwrap().unwrap().success());
        assert!(alone(child.wait()).unwrap().success(), "known, so no runtime is asked");
    }

    fn a_runtime_that_has_ended_starts_none(start: Start) {
        let owner = start();
        let handle: Handle = owner.handle();
        drop(owner);
        handle.enter(|| Command::new("true").spawn()).unwrap_err();
    }
}

#[test]
fn without_a_runtime_none_is_started() {
    assert_eq!(Command::new("true").spawn().unwrap_err().kind(), ErrorKind::Unsupported);
    let mut command = Command::new("true");
    let mut status = std::pin::pin!(command.status());
    let polled = alone(poll_once(status.as_mut()));
    assert!(matches!(polled, Poll::Ready(Err(error)) if error.kind() == ErrorKind::Unsupported));
}
