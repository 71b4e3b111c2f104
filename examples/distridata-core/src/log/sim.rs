//! A file system for tests that forgets, tears and fails. It is in memory and has no effects.
//!
//! ```text
//!  write ──▶ now ────────── read             what the running process sees
//!              │ changes since the last sync
//!  sync  ──▶ synced ─────── crash(how) ──▶   another SimDir: synced, and what `how` leaves
//!                                            of the changes
//! ```
//!
//! Names are the same: `now`, `synced`, and changes between the two, until the directory is synced.
//!
//! - **X1** A crash takes nothing that was synced.
//! - **X2** A sync that fails loses what it should have synced: a later one that succeeds does not
//!   bring it to the disk, though it can still be read. Kernels behave like that.
//! - **X3** A killed process loses nothing and syncs nothing: the power can be lost after it.
//! - **X4** A stopped directory answers nothing but errors, and its files, too. What `crash` answers
//!   shares nothing with it.
//!
//! Operations that change something are counted, so that a test can fail or stop each of them:
//!
//! ```
//! # use distridata_core::log::sim::{Crash, Fault, SimDir};
//! for nth in 0.. {
//!     let dir = SimDir::new();
//!     dir.fail_at(nth, Fault::Stop);
//!     // … do what is to be tested …
//!     let left = dir.crash(Crash::Lose);
//!     // … open `left` and look …
//!     if dir.operations() <= nth {
//!         break; // there were not so many
//!     }
//! }
//! ```

mod content;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::{Dir, File};
use content::{Change, Content};

pub use content::Chance;

/// What goes wrong with one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no room: an error, and nothing was done.
    NoSpace,
    /// The disk fails: an error; nothing was done, but a write may have been done in part.
    Io,
    /// An error, though all of it was done.
    Late,
    /// A write does less than it was asked to, and says so. Other operations succeed.
    Short,
    /// The process stops: half of a write is done, and from here on all answers are errors.
    Stop,
}

/// What a crash leaves of the changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// All of them: the process was killed, and the machine goes on. They still are not synced.
    Kill,
    /// None.
    Lose,
    /// All names, and of each file the first so many bytes that were written.
    Cut(u64),
    /// Any of them, by chance: pages of writes, lengths, names. The number is the seed.
    Tear(u64),
}

/// A directory in memory. Clones are the same directory.
#[derive(Clone, Default)]
pub struct SimDir(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    name_changes: Vec<NameChange>,
    operations: u64,
    reads: u64,
    faults: Vec<(u64, Fault)>,
    read_fault: Option<u64>,
    room: Option<u64>,
    stopped: bool,
}

#[derive(Clone)]
enum NameChange {
    Set(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

impl SimDir {
    /// Creates an empty directory where nothing goes wrong.
    pub fn new() -> SimDir {
        SimDir::default()
    }

    /// Returns how many operations there were that change something or sync.
    pub fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// Lets one operation fail: the one before which there were `nth` others.
    pub fn fail_at(&self, nth: u64, fault: Fault) {
        self.disk().faults.push((nth, fault));
    }

    /// Lets a read fail: the one before which there will be `nth` others from now on.
    pub fn fail_read_after(&self, nth: u64) {
        let mut disk = self.disk();
        disk.read_fault = Some(disk.reads + nth);
    }

    /// Limits the bytes in all files; `None` is no limit.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.disk().room = bytes;
    }

    /// Returns how many bytes all files have.
    pub fn used(&self) -> u64 {
        self.disk().used()
    }

    /// Returns the largest number of bytes written to one file since it was synced: from there on
    /// all [`Crash::Cut`] are the same.
    pub fn unsynced(&self) -> u64 {
        self.disk().files.iter().map(Content::unsynced).max().unwrap_or(0)
    }

    /// Returns what the next process finds after a crash. This one is stopped.
    pub fn crash(&self, how: Crash) -> SimDir {
        let left = self.after(how);
        self.disk().stopped = true;
        left
    }

    /// As [`crash`](SimDir::crash), but this one goes on: to try several crashes at one moment.
    pub fn after(&self, how: Crash) -> SimDir {
        let disk = self.disk();
        let mut chance = Chance(if let Crash::Tear(seed) = how { seed } else { 0 });
        let files = disk.files.iter().map(|file| file.after(how, &mut chance)).collect();
        let names = disk.names_after(how, &mut chance);
        let left = Disk { files, ..Disk::default() };
        SimDir(Arc::new(Mutex::new(match how {
            Crash::Kill => Disk {
                names,
                synced_names: disk.synced_names.clone(),
                name_changes: disk.name_changes.clone(),
                ..left
            },
            _ => Disk { synced_names: names.clone(), names, ..left },
        })))
    }

    /// Changes a file behind everybody's back, durably: damage on the disk.
    ///
    /// # Panics
    ///
    /// If there is no such file.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut disk = self.disk();
        let id = disk.names[name];
        let file = &mut disk.files[id];
        change(&mut file.now);
        (file.synced, file.changes) = (file.now.clone(), Vec::new());
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SimDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk = self.disk();
        let sizes = disk.names.iter().map(|(name, &id)| (name, disk.files[id].now.len()));
        f.debug_map().entries(sizes).finish()
    }
}

impl Disk {
    /// Counts an operation, and answers what goes wrong with it.
    fn begin(&mut self) -> io::Result<Option<Fault>> {
        self.check_running()?;
        let nth = self.operations;
        self.operations += 1;
        let fault = self.faults.iter().find(|(at, _)| *at == nth).map(|&(_, fault)| fault);
        self.stopped = fault == Some(Fault::Stop);
        Ok(fault)
    }

    /// As `begin`, for what is done or not done. `Ok`: do it, and then give the answer inside.
    fn begin_whole(&mut self) -> io::Result<io::Result<()>> {
        match self.begin()? {
            None | Some(Fault::Short) => Ok(Ok(())),
            Some(Fault::Late) => Ok(Err(Fault::Late.error())),
            Some(fault) => Err(fault.error()),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        self.check_running()?;
        let fails = self.read_fault == Some(self.reads);
        self.reads += 1;
        if fails { Err(Fault::Io.error()) } else { Ok(()) }
    }

    fn check_running(&self) -> io::Result<()> {
        if self.stopped { Err(Fault::Stop.error()) } else { Ok(()) }
    }

    fn used(&self) -> u64 {
        self.names.values().map(|&id| self.files[id].now.len() as u64).sum()
    }

    fn id(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn new_file(&mut self, name: &str) -> usize {
        self.files.push(Content::default());
        let id = self.files.len() - 1;
        self.change_name(NameChange::Set(name.to_owned(), id));
        id
    }

    fn sync_names(&mut self) {
        let names = &mut self.synced_names;
        self.name_changes.drain(..).for_each(|change| change.apply(names));
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    fn names_after(&self, how: Crash, chance: &mut Chance) -> BTreeMap<String, usize> {
        let mut names = match how {
            Crash::Kill | Crash::Cut(_) => return self.names.clone(),
            Crash::Lose | Crash::Tear(_) => self.synced_names.clone(),
        };
        let torn = matches!(how, Crash::Tear(_));
        let kept = self.name_changes.iter().filter(|_| torn && chance.below(2) == 0);
        kept.for_each(|change| change.apply(&mut names));
        names
    }

    /// Answers how many of `len` bytes can be written, and the error if that is none.
    fn grant(&self, id: usize, position: u64, len: usize) -> io::Result<usize> {
        let Some(room) = self.room else { return Ok(len) };
        let size = self.files[id].now.len() as u64;
        let free = room.saturating_sub(self.used()) + size.saturating_sub(position);
        match len.min(usize::try_from(free).unwrap_or(len)) {
            0 if len > 0 => Err(Fault::NoSpace.error()),
            granted => Ok(granted),
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            NameChange::Set(name, id) => drop(names.insert(name.clone(), *id)),
            NameChange::Rename(from, to, id) => {
                if names.get(from) == Some(id) {
                    names.remove(from);
                }
                names.insert(to.clone(), *id);
            }
            NameChange::Remove(name) => drop(names.remove(name)),
        }
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Fault::NoSpace => ErrorKind::StorageFull.into(),
            Fault::Io | Fault::Late | Fault::Short => {
                io::Error::other("the disk failed (for a test)")
            }
            Fault::Stop => io::Error::other("the process has stopped (for a test)"),
        }
    }
}

impl Dir for SimDir {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut disk = self.disk();
        disk.read()?;
        Ok(disk.names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut disk = self.disk();
        disk.read()?;
        let id = disk.id(name)?;
        Ok(Arc::new(SimFile { dir: self.clone(), id }))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut disk = self.disk();
        let answer = disk.begin_whole()?;
        let id = disk.id(name).unwrap_or_else(|_| disk.new_file(name));
        disk.files[id].change(Change::Truncate(0));
        answer.map(|()| Arc::new(SimFile { dir: self.clone(), id }) as Arc<dyn File>)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.disk();
        let answer = disk.begin_whole()?;
        let id = disk.id(from)?;
        disk.change_name(NameChange::Rename(from.to_owned(), to.to_owned(), id));
        answer
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.disk();
        let answer = disk.begin_whole()?;
        disk.id(name)?;
        disk.change_name(NameChange::Remove(name.to_owned()));
        answer
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.disk();
        let answer = disk.begin_whole();
        match answer {
            Ok(_) => disk.sync_names(),
            Err(_) if disk.stopped => {} // it never began
            Err(_) => disk.name_changes.clear(),
        }
        answer?
    }
}

struct SimFile {
    dir: SimDir,
    id: usize,
}

impl File for SimFile {
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        let mut disk = self.dir.disk();
        let (len, answer) = match disk.begin()? {
            None => (bytes.len(), None),
            Some(Fault::Late) => (bytes.len(), Some(Fault::Late)),
            Some(Fault::Short) => (bytes.len().div_ceil(2), None),
            Some(Fault::NoSpace) => (0, Some(Fault::NoSpace)),
            Some(fault) => (bytes.len() / 2, Some(fault)),
        };
        let len = disk.grant(self.id, position, len)?;
        disk.files[self.id].change(Change::Write(position, bytes[..len].to_vec()));
        answer.map_or(Ok(len), |fault| Err(fault.error()))
    }

    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let mut disk = self.dir.disk();
        disk.read()?;
        let bytes = &disk.files[self.id].now;
        let rest = bytes.get(position as usize..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.dir.disk();
        let answer = disk.begin_whole();
        match answer {
            Ok(_) => disk.files[self.id].sync(),
            Err(_) if disk.stopped => {} // it never began
            Err(_) => disk.files[self.id].changes.clear(),
        }
        answer?
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut disk = self.dir.disk();
        let answer = disk.begin_whole()?;
        disk.files[self.id].change(Change::Truncate(len));
        answer
    }

    fn size(&self) -> io::Result<u64> {
        let mut disk = self.dir.disk();
        disk.read()?;
        Ok(disk.files[self.id].now.len() as u64)
    }
}
