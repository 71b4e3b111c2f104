//! What std has for Unix in `CommandExt`.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;

use super::Command;
use crate::io;

/// On Unix.
impl Command {
    /// The user it runs as.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// The group it runs as.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// What it sees as its own name.
    pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.std.arg0(name);
        self
    }

    /// The process group it joins; `0` is a new one of its own.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.std.process_group(group);
        self
    }

    /// Calls `f` in the child, after the fork and before the program.
    ///
    /// # Safety
    ///
    /// That of std's method: `f` runs in a copy of this process that has one thread, and does what is
    /// allowed in a signal handler; no memory is taken, no lock.
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller promises for us what std asks for; nothing is added to `f`.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// Becomes the program, in the place of this process. Returns if that fails.
    ///
    /// No destructor runs, and no runtime is asked. If it returns, signals are as a child begins with
    /// them, in *this* process: `SIGPIPE` ends it, as with std's.
    #[must_use]
    pub fn exec(&mut self) -> io::Error {
        self.std.exec()
    }
}
