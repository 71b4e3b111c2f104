//! The process has no descriptors left, or ignores `SIGCHLD`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

use runtime_traits::process::{Command, ExitStatus, Stdio};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, WaitId, WaitIdOptions, getrlimit, setrlimit, waitid};

use super::{cat, sh};
use crate::alone::{in_a_child, in_a_shells_child};
use crate::support::with_every_runtime;

fn is_limit(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::MFILE)
}

/// Leaves `spare` descriptors and no more; answers what holds the others.
fn leave(spare: usize) -> Vec<File> {
    let first = File::open("/dev/null").unwrap();
    let highest = first.as_raw_fd() as u64 + 24;
    let former = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(highest), ..former }).unwrap();
    let mut held = vec![first];
    while let Ok(file) = File::open("/dev/null") {
        held.push(file);
    }
    held.truncate(held.len() - spare);
    held
}

fn has_children() -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::All, look).is_ok()
}

with_every_runtime! {
    /// Whatever is missing: an error, and no child.
    fn no_descriptor_left_is_an_error_and_no_child(start: Start) {
        in_a_child(|| {
            start().block_on(async {
                Command::new("true").status().await.unwrap();
                let mut fails = 0;
                // With none left it fails, with many it does not; in between, whichever.
                for spare in 0..20 {
                    let held = leave(spare);
                    let spawned = cat().stdout(Stdio::piped()).spawn();
                    drop(held);
                    match spawned {
                        Ok(mut child) => assert!(child.wait().await.unwrap().success()),
                        Err(error) => {
                            assert!(is_limit(&error), "with {spare}: {error}");
                            fails += 1;
                        }
                    }
                    // Also one that was killed, since it could not be watched, is gone.
                    while has_children() {
                        Command::new("true").status().await.unwrap();
                    }
                }
                assert!((1..20).contains(&fails), "{fails}");
            });
        });
    }

    /// The system reaps: whoever waits hears the status or `ECHILD`, as with std, and does not hang.
    fn a_program_that_ignores_sigchld_hears_of_the_end(start: Start) {
        in_a_shells_child("trap '' CHLD", || {
            start().block_on(async {
                let mut late = cat().spawn().unwrap();
                let mut early = Vec::new();
                for _ in 0..20 {
                    early.push(Command::new("true").spawn().unwrap());
                }
                for mut child in early {
                    is_told(child.wait().await);
                }
                drop(late.stdin.take());
                is_told(late.wait().await);
                drop(sh("exit 1").spawn().unwrap());
            });
        });
    }
}

fn is_told(status: io::Result<ExitStatus>) {
    match status {
        Ok(status) => assert!(status.success()),
        Err(error) => assert_eq!(Errno::from_io_error(&error), Some(Errno::CHILD), "{error}"),
    }
}
