//! What a runtime's author tells the suite.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use runtime_traits::task::JoinHandle;
use runtime_traits::{BlockOnError, Capability, Handle};

/// A way of building the runtime under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flavour {
    /// So many worker threads of its own.
    Multi(usize),
    /// It runs on the thread that is inside `block_on`, and only then.
    Current,
    /// It runs on threads that the harness lends it until the shutdown.
    Lent,
    /// On a runtime of another kind, which the harness has started and which goes on afterwards.
    Hosted,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flavour::Multi(workers) => write!(f, "multi{workers}"),
            Flavour::Current => f.write_str("current"),
            Flavour::Lent => f.write_str("lent"),
            Flavour::Hosted => f.write_str("hosted"),
        }
    }
}

/// Builds subjects.
pub trait Harness {
    /// The runtime's name, for the report.
    fn name(&self) -> &str;

    /// The ways to build it; each runs all clauses.
    fn flavours(&self) -> &[Flavour];

    /// A new instance, running as `flavour` says. Called in a child process, for some clauses more
    /// than once.
    fn build(&self, flavour: Flavour) -> Box<dyn Subject>;

    /// What this flavour does not have. Clauses that need it are skipped; a capability that is
    /// neither here nor in the runtime is a failure.
    fn absent(&self, flavour: Flavour) -> &[Capability] {
        let _ = flavour;
        &[]
    }
}

/// A runtime under test: its owner, so to say.
///
/// The provided methods are the calls that libraries make. They are methods so that the suite's own
/// mutants can break what a runtime cannot (the task cell and the scope of the current runtime belong
/// to the interface); leave them alone.
pub trait Subject {
    /// A handle to it.
    fn handle(&self) -> Handle;

    /// Ends it, and returns when it has ended.
    fn shutdown(self: Box<Self>);

    /// Starts a task on it.
    #[doc(hidden)]
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> JoinHandle<()> {
        self.handle().spawn(future)
    }

    /// Calls `body` with it current.
    #[doc(hidden)]
    fn enter(&self, body: &mut dyn FnMut()) {
        self.handle().enter(body);
    }

    /// Runs `main` to its end on this thread, with it current.
    #[doc(hidden)]
    fn block_on(&self, main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), BlockOnError> {
        self.handle().block_on(main)
    }

    /// Which runtime is current here, this one or another.
    #[doc(hidden)]
    fn current(&self) -> Option<Handle> {
        Handle::try_current().ok()
    }
}
