//! The demo: it comes to its end, and whoever stops it before finds nothing left.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::{PROGRAM, Running, TestDir, announced_lines, until, until_true};

/// The demo, in a group of its own as a shell would have it, with its files in `dir`.
fn demo(dir: &TestDir) -> Running {
    let mut command = Command::new(PROGRAM);
    command.arg("demo").env("TMPDIR", dir.path()).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    Running::start(&mut command)
}

fn is_empty(dir: &TestDir) -> bool {
    fs::read_dir(dir.path()).unwrap().next().is_none()
}

#[test]
fn the_demo_comes_to_its_end_and_leaves_nothing_behind() {
    let dir = TestDir::new();
    let mut running = demo(&dir);
    let lines: Vec<String> = announced_lines(&mut running).iter().collect();
    assert!(running.0.wait().unwrap().success(), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("All of it took")), "{lines:?}");
    assert!(is_empty(&dir));
}

#[test]
fn a_demo_that_is_stopped_leaves_no_node_and_no_file_behind() {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let dir = TestDir::new();
        let mut running = demo(&dir);
        let addresses: Vec<SocketAddr> = announced_lines(&mut running)
            .iter()
            .filter_map(|line| line.rsplit_once(" at ")?.1.parse().ok())
            .take(3)
            .collect();
        assert_eq!(addresses.len(), 3);
        kill_process_group(Pid::from_child(&running.0), signal).unwrap();
        for address in addresses {
            until_true("a node ends", || TcpStream::connect(address).is_err());
        }
        until("the files go away", || match is_empty(&dir) {
            true => Ok(()),
            false => Err(format!("{:?}", fs::read_dir(dir.path()).unwrap().next())),
        });
    }
}
