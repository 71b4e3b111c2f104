//! Noise: what else the machine does while the suite runs.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

/// How many processes spin beside the suite.
const HOGS: usize = 4;
/// How often, and how long, the cases are stopped.
const STOP_EVERY: Duration = Duration::from_millis(200);
const STOPPED: Duration = Duration::from_millis(30);

/// A kind of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// None of ours.
    Quiet,
    /// Four processes that spin.
    Hogs,
    /// The suite has one CPU, at the lowest priority.
    Pinned,
    /// The cases are stopped and continued, again and again.
    Stopped,
}

impl Load {
    pub(super) const ALL: [Load; 4] = [Load::Quiet, Load::Hogs, Load::Pinned, Load::Stopped];

    pub(super) fn word(self) -> &'static str {
        match self {
            Load::Quiet => "quiet",
            Load::Hogs => "hogs",
            Load::Pinned => "pinned",
            Load::Stopped => "stopped",
        }
    }

    /// The command that starts this program under this load.
    pub(super) fn command(self) -> Command {
        let exe = env::current_exe().unwrap_or_default();
        if self != Load::Pinned {
            return Command::new(exe);
        }
        let mut command = Command::new("taskset");
        command.args(["-c", "0", "nice", "-n", "19"]).arg(exe);
        command
    }

    /// Runs it to its end, with the noise.
    pub(super) fn run(self, command: &mut Command) -> std::io::Result<ExitStatus> {
        let _hogs = if self == Load::Hogs {
            (0..HOGS).filter_map(|_| Hog::new()).collect()
        } else {
            Vec::new()
        };
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        if self != Load::Stopped {
            return child.wait();
        }
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(STOP_EVERY);
            stop_for_a_moment(&children_of(child.id()));
        }
    }
}

/// A process that spins, until this is dropped.
struct Hog(Child);

impl Hog {
    fn new() -> Option<Hog> {
        let exe = env::current_exe().ok()?;
        Command::new(exe).arg("--hog").stdout(Stdio::null()).spawn().ok().map(Hog)
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processes that `parent` has started: the cases.
fn children_of(parent: u32) -> Vec<String> {
    let tasks = fs::read_dir(Path::new("/proc").join(parent.to_string()).join("task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn stop_for_a_moment(cases: &[String]) {
    if cases.is_empty() {
        return;
    }
    let signal =
        |name: &str| Command::new("kill").arg(name).args(cases).stderr(Stdio::null()).status();
    let _ = signal("-STOP"); // one that has ended meanwhile is nobody else's yet: its parent has not waited
    thread::sleep(STOPPED);
    let _ = signal("-CONT");
}
