//! How a program starts: what an attribute passes to a runtime.
//!
//! `#[some_runtime::main] async fn main()` expands to a call of one function that the runtime's crate
//! exports:
//!
//! ```
//! use runtime_traits::entry::Config;
//! # use std::future::Future;
//! pub fn entry<F: Future>(configure: impl FnOnce(&mut Config), main: F) -> F::Output {
//!     let config = Config::from_fn(configure);
//!     # let _ = config; let _ = main; unimplemented!()
//!     // build the runtime as `config` says, then block on `main`
//! }
//! ```
//!
//! A runtime that cannot block (a browser) returns `()` and reports the program's outcome its own
//! way.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::hooks::Runtime;
use crate::{Capability, Handle};

/// What the attribute's options ask for.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Config {
    /// How many threads poll tasks; `None` leaves it to the runtime.
    pub worker_threads: Option<usize>,
    /// Whether tasks run on the thread that called `main`, and nowhere else.
    pub current_thread: bool,
    /// Capabilities the program cannot do without, by name.
    pub required: Vec<&'static str>,
}

impl Config {
    /// What `configure` asks for.
    pub fn from_fn(configure: impl FnOnce(&mut Config)) -> Config {
        let mut config = Config::default();
        configure(&mut config);
        config
    }

    /// `worker_threads = n`.
    pub fn worker_threads(&mut self, n: usize) -> &mut Config {
        self.worker_threads = Some(n);
        self
    }

    /// `flavor = "current_thread"`.
    pub fn current_thread(&mut self) -> &mut Config {
        self.current_thread = true;
        self
    }

    /// `require(capability)`.
    pub fn require(&mut self, capability: &'static str) -> &mut Config {
        self.required.push(capability);
        self
    }

    /// Checks the required capabilities against a runtime that has been built.
    ///
    /// # Panics
    ///
    /// If any is missing; the text lists all that are.
    #[track_caller]
    pub fn check(&self, handle: &Handle) {
        let mut missing = String::new();
        for name in self.required.iter().filter(|name| !offers(handle.runtime(), name)) {
            let _ = write!(missing, "{}{name}", if missing.is_empty() { "" } else { ", " });
        }
        if !missing.is_empty() {
            let runtime = handle.info().name;
            panic!("this program requires what runtime `{runtime}` does not have: {missing}");
        }
    }
}

/// Whether `runtime` offers the capability of this name.
fn offers(runtime: &dyn Runtime, name: &str) -> bool {
    let Some(capability) = Capability::ALL.iter().find(|c| c.name() == name) else { return false };
    match capability {
        Capability::Timer => runtime.timer().is_some(),
        Capability::Reactor => runtime.reactor().is_some(),
        Capability::Net => {
            runtime.net().is_some() || runtime.reactor().is_some() || runtime.completion().is_some()
        }
        Capability::Completion => runtime.completion().is_some(),
        Capability::Blocking => runtime.blocking().is_some(),
        Capability::Local => runtime.local_spawner().is_some(),
        Capability::BlockOn => runtime.block_on().is_some(),
        Capability::Drive => runtime.driver().is_some(),
        Capability::Fs => runtime.fs().is_some() || runtime.blocking().is_some(),
        Capability::Process => runtime.process().is_some() || runtime.reactor().is_some(),
        Capability::Signal => runtime.signal().is_some() || runtime.reactor().is_some(),
        _ => false,
    }
}
