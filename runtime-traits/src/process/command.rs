//! [`Command`]: std's, and how it is started.

use core::fmt;
use std::ffi::OsStr;
use std::path::Path;
use std::process;

use super::{Child, CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};
use crate::io;
use crate::io::source::current;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

/// A program to be started, and how.
///
/// It is std's, with the same methods; those that wait are `async`. Each start uses the runtime that
/// is current then.
///
/// ```
/// use runtime_traits::{io, process::Command};
///
/// async fn build(directory: &str) -> io::Result<bool> {
///     let mut make = Command::new("make");
///     make.args(["-j2", "all"]).current_dir(directory).env("LANG", "C");
///     Ok(make.status().await?.success())
/// }
/// ```
///
/// # Which thread starts it
///
/// The one that calls: `spawn` is not `async`, here as in std. On Linux this matters for
/// `PR_SET_PDEATHSIG`, which kills the child when the *thread* that started it ends. A thread of a
/// pool may; one that runs `block_on` until the program's end does not.
pub struct Command {
    std: process::Command,
    /// What was set of the three streams.
    set: [bool; 3],
    kill_on_drop: bool,
}

impl Command {
    /// A command that starts `program`, with neither arguments nor other settings.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command::from(process::Command::new(program))
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.std.env(key, value);
        self
    }

    /// Sets variables of its environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of its environment.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Has it start with an empty environment, but for what is set here.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// The directory it starts in.
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// Its input. Not set, it is ours; for [`output`](Command::output), empty.
    ///
    /// Our end of another child's output goes here through [`Stdio::try_from`].
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Command {
        self.set[0] = true;
        self.std.stdin(stdin);
        self
    }

    /// Its output. Not set, it is ours; for [`output`](Command::output), collected.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Command {
        self.set[1] = true;
        self.std.stdout(stdout);
        self
    }

    /// Its error output. Not set, it is ours; for [`output`](Command::output), collected.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Command {
        self.set[2] = true;
        self.std.stderr(stderr);
        self
    }

    /// Whether the child is killed when its [`Child`], or the future that holds it, is dropped before
    /// it has exited. Off at first.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Command {
        self.kill_on_drop = kill;
        self
    }

    /// Starts it, and does not wait for it.
    ///
    /// ```
    /// # use runtime_traits::{io, process::Command};
    /// # fn background() -> io::Result<()> {
    /// drop(Command::new("make").spawn()?); // it goes on
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the system: no such program, or no descriptor left, of which it takes one beside the
    /// pipes. `Unsupported` if there is no runtime or it has no child processes. There is no child then.
    pub fn spawn(&mut self) -> io::Result<Child> {
        Child::start(current()?, &mut self.std, self.kill_on_drop)
    }

    /// Starts it and waits until it has exited.
    ///
    /// ```
    /// # use runtime_traits::{io, process::Command};
    /// async fn exists(host: &str) -> io::Result<bool> {
    ///     Ok(Command::new("ping").args(["-c1", host]).status().await?.success())
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running, unless it is to be [killed](Command::kill_on_drop). Not polled, it is not started.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Command::spawn) and [`Child::wait`].
    pub async fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait().await
    }

    /// Starts it, collects what it writes, and waits until it has exited.
    ///
    /// ```
    /// # use runtime_traits::{io, process::Command};
    /// async fn date() -> io::Result<String> {
    ///     let output = Command::new("date").output().await?;
    ///     Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Leaves running, unless it is to be [killed](Command::kill_on_drop); what was collected is lost.
    /// Not polled, it is not started.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Command::spawn) and [`Child::wait_with_output`].
    pub async fn output(&mut self) -> io::Result<Output> {
        self.set_unset(Stdio::null(), Stdio::piped(), Stdio::piped());
        let child = self.spawn();
        // What was not set is what it was.
        self.set_unset(Stdio::inherit(), Stdio::inherit(), Stdio::inherit());
        child?.wait_with_output().await
    }

    fn set_unset(&mut self, stdin: Stdio, stdout: Stdio, stderr: Stdio) {
        let [has_stdin, has_stdout, has_stderr] = self.set;
        if !has_stdin {
            self.std.stdin(stdin);
        }
        if !has_stdout {
            self.std.stdout(stdout);
        }
        if !has_stderr {
            self.std.stderr(stderr);
        }
    }

    /// The program.
    pub fn get_program(&self) -> &OsStr {
        self.std.get_program()
    }

    /// The arguments, without the program.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.std.get_args()
    }

    /// The variables that were set, and those that were taken out (`None`).
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.std.get_envs()
    }

    /// The directory it starts in, if one was set.
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.std.get_current_dir()
    }

    /// std's command, for what there is no method for.
    pub fn as_std(&self) -> &process::Command {
        &self.std
    }

    /// std's command, to be changed. A stream that is set there counts as not set for
    /// [`output`](Command::output).
    pub fn as_std_mut(&mut self) -> &mut process::Command {
        &mut self.std
    }

    /// std's command alone.
    pub fn into_std(self) -> process::Command {
        self.std
    }
}

/// Which streams are set cannot be asked, so they count as not set for [`output`](Command::output).
impl From<process::Command> for Command {
    fn from(std: process::Command) -> Command {
        Command { std, set: [false; 3], kill_on_drop: false }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}
