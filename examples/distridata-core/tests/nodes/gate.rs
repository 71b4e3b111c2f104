//! A directory whose files' syncs wait while a gate is shut.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use distridata_core::log::files::{Dir, File};
use distridata_core::log::sim::SimDir;
use runtime_traits::task;

use crate::support::{eventually, watched};

/// The directory and its gate. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct GateDir {
    pub(crate) sim: SimDir,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Default)]
struct State {
    is_shut: bool,
    waiting: usize,
}

impl GateDir {
    /// Puts a gate before a directory.
    pub(crate) fn over(sim: SimDir) -> GateDir {
        GateDir { sim, gate: Arc::default() }
    }

    /// From here on syncs wait.
    pub(crate) fn shut(&self) -> Shut {
        self.gate.state().is_shut = true;
        Shut(Arc::clone(&self.gate))
    }
}

/// Opens the gate when it is dropped, so that a test that panics leaves no thread waiting.
pub(crate) struct Shut(Arc<Gate>);

impl Shut {
    /// Waits until a sync waits.
    pub(crate) async fn reached(&self) {
        let has_come = async || (self.0.state().waiting > 0).then_some(());
        eventually("a sync at the gate", has_come).await;
    }
}

impl Drop for Shut {
    fn drop(&mut self) {
        self.0.state().is_shut = false;
        self.0.opened.notify_all();
    }
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn pass(&self) {
        let mut state = self.state();
        state.waiting += 1;
        state = self.opened.wait_while(state, |state| state.is_shut).unwrap();
        state.waiting -= 1;
    }
}

/// A file behind the gate.
struct GateFile {
    file: Arc<dyn File>,
    gate: Arc<Gate>,
}

impl GateDir {
    fn file(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(GateFile { file, gate: Arc::clone(&self.gate) })
    }
}

impl Dir for GateDir {
    fn list(&self) -> io::Result<Vec<String>> {
        self.sim.list()
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.sim.open(name).map(|file| self.file(file))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.sim.create(name).map(|file| self.file(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.sim.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.sim.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.sim.sync()
    }
}

impl File for GateFile {
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        self.file.write_at(bytes, position)
    }

    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buf, position)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass();
        self.file.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
}

#[test]
fn a_sync_waits_until_the_gate_is_open() {
    watched(async {
        let dir = GateDir::default();
        let file = dir.create("file").unwrap();
        let shut = dir.shut();
        let syncing = task::spawn_blocking(move || file.sync_data());
        shut.reached().await;
        assert!(!syncing.is_finished());
        drop(shut);
        syncing.await.unwrap().unwrap();
    });
}
