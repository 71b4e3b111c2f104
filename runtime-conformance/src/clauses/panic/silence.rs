//! PANIC-4: what is printed.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::panic_any;
use std::process;
use std::sync::Arc;

use rustix::stdio::dup2_stderr;

use super::{Expected, quietly};
use crate::rig::Rig;
use crate::toolbox::{AtDrop, Tally};

/// PANIC-4: the runtime prints nothing itself.
///
/// Method: the panic hook is silent about what is thrown here, and the suite speaks on standard output.
/// Standard error leads to a file while a task panics whose handle has the payload, another whose handle
/// is dropped unread, and while the runtime ends. Then the file must be empty.
///
/// If this fails, look for a `catch_unwind` whose error is printed because nobody may ever ask for it.
pub(super) fn panic_4_the_runtime_prints_nothing(rig: &Rig<'_>) {
    quietly();
    let rt = rig.rt();
    let redirected = rig.setup("a file for what is printed", Redirected::begin());
    let asked = rt.spawn(async { panic_any(Expected(5)) });
    let outcome: Result<(), _> = rig.drive(&rt, "PANIC-4: a task that panics", asked);
    let unwound = Arc::new(Tally::new());
    let says = unwound.clone();
    let guard = AtDrop::new(move || says.add());
    let unread = rt.spawn(async move {
        let _guard = guard;
        panic_any(Expected(6))
    });
    rig.drive(&rt, "PANIC-4: a second task that panics", unwound.reached(1));
    drop::<crate::rt::Join<()>>(unread);
    rig.shutdown(rt);
    let printed = rig.setup("reading what was printed", redirected.end());
    assert!(printed.is_empty(), "PANIC-4: the runtime printed `{}`", printed.trim());
    assert!(outcome.is_err(), "PANIC-4: a task that panicked gave {outcome:?}");
}

/// Standard error leads to a file that has no name.
struct Redirected {
    file: File,
    before: OwnedFd,
}

impl Redirected {
    fn begin() -> io::Result<Redirected> {
        let path = env::temp_dir().join(format!("conformance-stderr-{}", process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        fs::remove_file(path)?;
        let before = io::stderr().as_fd().try_clone_to_owned()?;
        dup2_stderr(&file)?;
        Ok(Redirected { file, before })
    }

    /// Ends that; what was printed.
    fn end(mut self) -> io::Result<String> {
        dup2_stderr(&self.before)?;
        let mut printed = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut printed)?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }
}
