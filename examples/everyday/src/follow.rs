//! Prints a file and what is appended to it, as `tail -F` does.
//!
//! inotify is a descriptor that becomes readable when something happened in a directory. `Async` makes it
//! something to await; nothing about it is known to the runtime or to `runtime-traits`.
//!
//! ```text
//!  the directory ──inotify──▶ Watch::next ──▶ a step ──▶ print what is new, or open what has the name now
//! ```

use std::mem::MaybeUninit;
use std::path::Path;

use runtime_traits::fs::File;
use runtime_traits::io::{self, Async, SeekFrom};
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

/// Prints `path` until it cannot be watched any more.
///
/// # Cancellation
///
/// Lossy: what was read and not yet printed.
pub(crate) async fn follow(path: &Path) -> io::Result<()> {
    // Before the file is opened, so that nothing falls in between.
    let watch = Watch::of(path).map_err(|error| {
        io::Error::new(error.kind(), format!("{} cannot be watched: {error}", path.display()))
    })?;
    let mut file = open(path).await?;
    loop {
        if let Some(file) = &mut file {
            print_rest(file).await?;
        }
        match watch.next().await? {
            Step::Grown => {}
            Step::Replaced => {
                // What was written to the old one before it was moved away.
                if let Some(old) = &mut file {
                    print_rest(old).await?;
                }
                file = open(path).await?;
            }
        }
    }
}

/// The file, if there is one at the moment.
async fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path).await {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Prints from where we are to the end. A file that became shorter is printed from its beginning.
async fn print_rest(file: &mut File) -> io::Result<()> {
    if file.metadata().await?.len() < file.stream_position().await? {
        file.seek(SeekFrom::Start(0)).await?;
    }
    io::copy(&*file, io::stdout()).await?;
    Ok(())
}

/// What happened to the file.
enum Step {
    Grown,
    Replaced,
}

/// Watches the directory of a file: it stays when the file goes.
struct Watch<'a> {
    inotify: Async<OwnedFd>,
    path: &'a Path,
}

impl Watch<'_> {
    fn of(path: &Path) -> io::Result<Watch<'_>> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let inotify = inotify::init(CreateFlags::CLOEXEC)?;
        let what = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::ONLYDIR;
        inotify::add_watch(&inotify, directory, what)?;
        Ok(Watch { inotify: Async::new(inotify)?, path })
    }

    /// Waits for something that concerns the file.
    async fn next(&self) -> io::Result<Step> {
        loop {
            // Runs until it does not answer "would block".
            if let Some(step) = self.inotify.read_with(|inotify| self.read(inotify)).await? {
                return Ok(step);
            }
        }
    }

    /// All events that there are, as one step: the strongest.
    fn read(&self, inotify: &OwnedFd) -> io::Result<Option<Step>> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(inotify, &mut buffer);
        let mut step = None;
        loop {
            let event = events.next()?;
            let name = event.file_name().map(|name| name.to_bytes());
            let ours =
                self.path.file_name().is_some_and(|ours| name == Some(ours.as_encoded_bytes()));
            let flags = event.events();
            if flags.intersects(ReadFlags::DELETE_SELF | ReadFlags::IGNORED) {
                return Err(io::Error::new(io::ErrorKind::NotFound, "its directory is gone"));
            }
            if flags.contains(ReadFlags::QUEUE_OVERFLOW)
                || ours && flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO)
            {
                step = Some(Step::Replaced);
            } else if ours && step.is_none() {
                step = Some(Step::Grown);
            }
            if events.is_buffer_empty() {
                return Ok(step);
            }
        }
    }
}
