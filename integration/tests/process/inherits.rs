//! What a child begins with (PROC-5), and what a command says of itself.

use std::ffi::OsStr;
use std::fs::File;
use std::net::TcpListener;
use std::path::Path;

use runtime_traits::process::{Command, Stdio};
use runtime_traits::signal::{SignalKind, signal};

use super::{cat, sh};
use crate::alone::in_a_child;
use crate::support::{on_every_runtime, pair};

/// What a child started by std says: the measure for ours.
fn by_std(script: &str) -> String {
    let output = std::process::Command::new("sh").args(["-c", script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

async fn by_us(script: &str) -> String {
    String::from_utf8(sh(script).output().await.unwrap().stdout).unwrap()
}

on_every_runtime! {
    /// PROC-5: descriptors, while there are many of ours.
    async fn a_child_has_the_descriptors_that_were_meant_for_it() {
        let _sockets = (pair().await, TcpListener::bind("127.0.0.1:0").unwrap());
        let _file = File::open("/dev/null").unwrap();
        let _listener = signal(SignalKind::WINDOW_CHANGE).unwrap();
        let other = cat().stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(by_us("ls /proc/self/fd").await, by_std("ls /proc/self/fd"));
        drop(other);
    }

    /// PROC-5: signals.
    async fn a_child_has_signals_as_they_should_be() {
        let _listener = signal(SignalKind::WINDOW_CHANGE).unwrap();
        let script = "grep -E 'SigBlk|SigCgt|SigIgn' /proc/self/status";
        let ours = by_us(script).await;
        assert_eq!(ours, by_std(script));
        assert!(ours.contains("SigBlk:\t0000000000000000"), "{ours}");
        let ignored = ours.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        let ignored = u64::from_str_radix(ignored, 16).unwrap();
        assert_eq!(ignored & (1 << (13 - 1)), 0, "SIGPIPE");
    }

    async fn settings_reach_the_child() {
        let mut command = sh("echo $0 $ONE $TWO ${HOME:-none}; pwd");
        command.env_clear().env("ONE", "1").envs([("TWO", "2"), ("THREE", "3")]).env_remove("THREE");
        command.env("PATH", "/usr/bin:/bin").current_dir("/").arg("name").args(["more"]);
        let output = command.output().await.unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "name 1 2 none\n/\n");
        assert_eq!(command.get_program(), "sh");
        assert_eq!(command.get_args().count(), 4);
        assert_eq!(command.get_current_dir(), Some(Path::new("/")));
        let one = (OsStr::new("ONE"), Some(OsStr::new("1")));
        assert!(command.get_envs().any(|var| var == one));
        assert!(format!("{command:?}").contains("sh"), "{command:?}");
    }

    async fn settings_of_unix_reach_the_child() {
        let mut command = Command::new("sh");
        command.arg0("another").args(["-c", "echo $0; ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat; echo $$"]);
        let output = command.process_group(0).output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines = text.lines().map(str::trim);
        assert_eq!(lines.next(), Some("another"));
        assert_eq!(lines.next(), lines.next(), "the first of a group of its own");
        let user = rustix::process::getuid().as_raw();
        let group = rustix::process::getgid().as_raw();
        if user == 0 {
            // Only those who may set them can be asked to.
            let output = sh("id -u; id -g").uid(user).gid(group).output().await.unwrap();
            assert_eq!(output.stdout, format!("{user}\n{group}\n").as_bytes());
        }
    }

    async fn a_command_of_stds_may_be_used() {
        let mut std = std::process::Command::new("echo");
        std.arg("hello");
        let mut command = Command::from(std);
        command.as_std_mut().arg("world");
        assert_eq!(command.as_std().get_args().count(), 2);
        assert_eq!(command.output().await.unwrap().stdout, b"hello world\n");
        assert!(command.into_std().stdout(Stdio::null()).status().unwrap().success());
    }
}

/// It changes what `SIGPIPE` does here, as std's does: hence a process of its own.
#[test]
fn a_process_may_become_another_program() {
    in_a_child(|| {
        let error = Command::new("/nowhere/at-all").exec();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    });
}
