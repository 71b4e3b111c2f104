//! What goes through a child's pipes, and what does not hold it up (PROC-4).

use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::pin::{Pin, pin};

use runtime_traits::io::{AsyncRead, AsyncWrite, ErrorKind};
use runtime_traits::process::{ChildStdin, ChildStdout, Command, Stdio};
use runtime_traits::task::yield_now;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::{cat, pid, sh};
use crate::support::{Gate, announced, on_every_runtime, poll_once};

const MIB: usize = 1 << 20;

fn is_nonblocking(fd: impl std::os::fd::AsFd) -> bool {
    fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
}

on_every_runtime! {
    /// PROC-4: an input that nobody took is what the child waits for.
    async fn waiting_closes_an_input_that_was_not_taken() {
        let mut child = cat().spawn().unwrap();
        assert!(child.wait().await.unwrap().success());
        assert!(child.stdin.is_none());
        let collected = cat().stdout(Stdio::piped()).spawn().unwrap().wait_with_output().await;
        assert_eq!(collected.unwrap().stdout, b"");
    }

    /// PROC-4: both outputs are full, and both are emptied.
    async fn both_outputs_are_collected_side_by_side() {
        let script = "head -c 4194304 /dev/zero & head -c 4194304 /dev/zero >&2; wait; exit 5";
        let output = sh(script).output().await.unwrap();
        assert_eq!(output.status.code(), Some(5));
        assert_eq!((output.stdout.len(), output.stderr.len()), (4 * MIB, 4 * MIB));
        assert!(output.stdout.iter().chain(&output.stderr).all(|byte| *byte == 0));
    }

    /// PROC-4: a child of the child keeps the pipes.
    async fn a_grandchild_with_the_pipes_does_not_hold_up_wait() {
        let mut child =
            sh("sleep 1000 & echo $!; exit 3").stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(3));
        let mut text = Vec::new();
        while text.last() != Some(&b'\n') {
            let mut byte = [0];
            assert_eq!(stdout.read(&mut byte).await.unwrap(), 1);
            text.push(byte[0]);
        }
        let grandchild: i32 = String::from_utf8(text).unwrap().trim().parse().unwrap();
        assert!(poll_once(pin!(stdout.read(&mut [0]))).await.is_pending(), "it has no end yet");
        kill_process(Pid::from_raw(grandchild).unwrap(), Signal::KILL).unwrap();
        assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
    }

    /// As std's: what the grandchild writes belongs to the output.
    async fn output_waits_for_a_grandchild_with_the_pipes() {
        let (input, ends) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut command = sh("exec 3<&0; echo one; { read line <&3; echo two; } & exit 3");
        command.stdin(std::os::fd::OwnedFd::from(input)).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        drop(command); // It has our copy of the child's input.
        let number = pid(&child);
        let gate = Gate::default();
        let output = runtime_traits::spawn(announced(gate.clone(), child.wait_with_output()));
        gate.wait().await;
        // Exited, and perhaps reaped.
        let _ = waitid(WaitId::Pid(number), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        for _ in 0..1000 {
            yield_now().await;
        }
        assert!(!output.is_finished(), "the grandchild has not said all");
        drop(ends);
        let output = output.await.unwrap().unwrap();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(3), &b"one\ntwo\n"[..]));
    }

    async fn output_leaves_the_command_as_it_was() {
        let mut command = sh("read line; echo \"<$line>\"; echo no >&2");
        for _ in 0..2 {
            let output = command.output().await.unwrap();
            assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"<>\n"[..], &b"no\n"[..]));
        }
        let child = command.stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
        assert!(child.wait_with_output().await.unwrap().stdout.is_empty());
        let output = command.stdout(Stdio::null()).output().await.unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b""[..], &b""[..]), "as set");
    }

    async fn bytes_go_in_and_come_out() {
        let mut child = cat().stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let sent: Vec<u8> = (0..3 * MIB).map(|n| (n / 7) as u8).collect();
        let expected = sent.clone();
        let feeding = runtime_traits::spawn(async move { stdin.write_all(&sent).await });
        let mut received = Vec::new();
        assert_eq!(stdout.read_to_end(&mut received).await.unwrap(), expected.len());
        assert!(received == expected);
        feeding.await.unwrap().unwrap();
        assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0, "the end stays");
        assert!(child.wait().await.unwrap().success());
    }

    async fn an_empty_buffer_moves_nothing() {
        let mut child = cat().stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        assert_eq!(stdin.write(&[]).await.unwrap(), 0);
        assert_eq!(stdout.read(&mut []).await.unwrap(), 0);
        stdin.write_all(b"x").await.unwrap();
        let mut byte = [0];
        assert_eq!((stdout.read(&mut byte).await.unwrap(), byte), (1, *b"x"));
    }

    /// REACTOR-4: a writer that waits hears that the reader is gone.
    async fn a_child_that_ends_fails_a_write_that_waits() {
        let mut child = sh("exec sleep 1000").stdin(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let gate = Gate::default();
        let bytes = vec![0; MIB];
        let writing = announced(gate.clone(), async move { stdin.write_all(&bytes).await });
        let writing = runtime_traits::spawn(writing);
        gate.wait().await;
        child.kill().unwrap();
        assert_eq!(writing.await.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
    }

    /// Until its `exec`, a child that another test starts meanwhile holds the end too: bytes may still
    /// be taken.
    async fn a_child_that_closes_its_input_early_fails_what_is_written_next() {
        let mut child = sh("exec <&-; echo closed; exec sleep 1000")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        assert_eq!(stdout.read(&mut [0; 64]).await.unwrap(), 7, "closed");
        let error = stdin.write_all(&vec![0; MIB]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        child.kill().unwrap();
        child.wait().await.unwrap();
    }

    /// The writer waits already; the child goes on without its input.
    async fn a_child_that_closes_its_input_fails_a_write_that_waits() {
        let mut child = sh("kill -STOP $$; exec <&-; echo closed; exec sleep 1000")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        waitid(WaitId::Pid(pid(&child)), WaitIdOptions::STOPPED).unwrap();
        let gate = Gate::default();
        let bytes = vec![0; MIB];
        let writing = announced(gate.clone(), async move { stdin.write_all(&bytes).await });
        let writing = runtime_traits::spawn(writing);
        gate.wait().await;
        kill_process(pid(&child), Signal::CONT).unwrap();
        assert_eq!(writing.await.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(stdout.read(&mut [0; 64]).await.unwrap(), 7, "closed");
        child.kill().unwrap();
        child.wait().await.unwrap();
    }

    /// Two readers of one pipe, one byte each.
    async fn several_may_read() {
        let mut child = cat().stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let stdout = std::sync::Arc::new(stdout);
        let reads: Vec<_> = (0..2)
            .map(|_| {
                let (gate, stdout) = (Gate::default(), stdout.clone());
                let read = announced(gate.clone(), async move { stdout.read(&mut [0]).await });
                (gate, runtime_traits::spawn(read))
            })
            .collect();
        for (gate, _) in &reads {
            gate.wait().await;
        }
        stdin.write_all(b"ab").await.unwrap();
        for (_, read) in reads {
            assert_eq!(read.await.unwrap().unwrap(), 1);
        }
    }

    async fn the_poll_traits_read_write_and_close() {
        async fn write(mut to: impl AsyncWrite + Unpin, bytes: &[u8]) -> std::io::Result<usize> {
            std::future::poll_fn(|cx| Pin::new(&mut to).poll_write(cx, bytes)).await
        }
        async fn close(mut to: impl AsyncWrite + Unpin) {
            std::future::poll_fn(|cx| Pin::new(&mut to).poll_close(cx)).await.unwrap();
        }
        async fn read(mut from: impl AsyncRead + Unpin) -> (usize, u8) {
            let mut byte = [0];
            let read = std::future::poll_fn(|cx| Pin::new(&mut from).poll_read(cx, &mut byte));
            (read.await.unwrap(), byte[0])
        }
        let mut child = cat().stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdin, mut stdout): (ChildStdin, ChildStdout) =
            (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        assert_eq!(write(&mut stdin, b"a").await.unwrap(), 1);
        assert_eq!(read(&mut stdout).await, (1, b'a'));
        assert_eq!(write(&stdin, b"b").await.unwrap(), 1);
        assert_eq!(read(&stdout).await, (1, b'b'));
        close(&stdin).await;
        assert_eq!(write(&stdin, b"c").await.unwrap(), 1, "open for the others");
        assert_eq!(read(&stdout).await, (1, b'c'));
        close(&mut stdin).await;
        close(&mut stdin).await;
        assert_eq!(read(&stdout).await, (0, 0), "closed");
        assert_eq!(write(&mut stdin, b"d").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(stdin.write(b"d").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert!(child.wait().await.unwrap().success());
    }

    /// What another program is given is in blocking mode, as it expects.
    async fn a_pipe_may_become_the_next_childs() {
        let mut first = cat().stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, middle) = (first.stdin.take().unwrap(), first.stdout.take().unwrap());
        assert!(is_nonblocking(&stdin) && is_nonblocking(&middle));
        assert!(poll_once(pin!(middle.read(&mut [0]))).await.is_pending());
        let mut second = Command::new("tr");
        let second = second.args(["a-z", "A-Z"]).stdin(Stdio::try_from(middle).unwrap());
        let second = second.stdout(Stdio::piped()).spawn().unwrap();
        stdin.write_all(b"shout").await.unwrap();
        drop(stdin);
        assert_eq!(second.wait_with_output().await.unwrap().stdout, b"SHOUT");
        assert!(first.wait().await.unwrap().success());
    }

    async fn pipes_come_from_std_and_go_back() {
        let mut child = std::process::Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = ChildStdin::from_std(child.stdin.take().unwrap()).unwrap();
        let stdout = ChildStdout::from_std(child.stdout.take().unwrap()).unwrap();
        let mut byte = [0];
        assert!(poll_once(pin!(stdout.read(&mut byte))).await.is_pending());
        stdin.write_all(b"x").await.unwrap();
        assert_eq!(stdout.read(&mut byte).await.unwrap(), 1);
        let (stdin, stdout) = (stdin.into_std().unwrap(), stdout.into_std().unwrap());
        assert!(!is_nonblocking(stdin.as_fd()) && !is_nonblocking(stdout.as_fd()));
        drop((stdin, stdout));
        assert!(child.wait().unwrap().success());
    }
}
