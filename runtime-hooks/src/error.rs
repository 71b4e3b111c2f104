//! What the interface answers when it cannot do what was asked.
//!
//! Every text says what to do next. What may be relied on are the questions (`is_*`) and the public
//! fields; the wording is for people and may change.

use core::fmt;

use crate::contain::Payload;

/// Something a runtime may or may not offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Sleeping and the clock ([`Timer`](crate::hooks::Timer)).
    Timer,
    /// Waiting for readiness of sources (`Reactor`).
    Reactor,
    /// Sockets, by whichever hook provides them.
    Net,
    /// Owned-buffer operations.
    Completion,
    /// Closures that block ([`Blocking`](crate::hooks::Blocking)).
    Blocking,
    /// Tasks that stay on one thread.
    Local,
    /// Blocking a thread on a future ([`BlockOn`](crate::hooks::BlockOn)).
    BlockOn,
    /// A turn of the runtime's driver, by someone else's loop.
    Drive,
    /// Files, by whichever hook provides them.
    Fs,
    /// Child processes, by whichever hook provides them.
    Process,
    /// The system's signals, by whichever hook provides them.
    Signal,
    /// Memory for a task: no heap in this build, and the runtime's place is full or absent.
    Memory,
}

impl Capability {
    /// All of them.
    pub const ALL: &'static [Capability] = &[
        Capability::Timer,
        Capability::Reactor,
        Capability::Net,
        Capability::Completion,
        Capability::Blocking,
        Capability::Local,
        Capability::BlockOn,
        Capability::Drive,
        Capability::Fs,
        Capability::Process,
        Capability::Signal,
        Capability::Memory,
    ];

    /// The word used in messages and in `#[main(require(…))]`.
    pub const fn name(self) -> &'static str {
        match self {
            Capability::Timer => "timer",
            Capability::Reactor => "reactor",
            Capability::Net => "net",
            Capability::Completion => "completion",
            Capability::Blocking => "blocking",
            Capability::Local => "local",
            Capability::BlockOn => "block_on",
            Capability::Drive => "drive",
            Capability::Fs => "fs",
            Capability::Process => "process",
            Capability::Signal => "signal",
            Capability::Memory => "memory",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No runtime is current on this thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRuntime;

impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no runtime is current on this thread; call this from a task, from an `async fn main` \
             with a runtime's attribute (`#[runtime_default::main]`), or inside `Handle::enter`",
        )
    }
}

impl core::error::Error for NoRuntime {}

#[cfg(feature = "std")]
impl From<NoRuntime> for std::io::Error {
    fn from(none: NoRuntime) -> Self {
        std::io::Error::new(std::io::ErrorKind::Unsupported, none)
    }
}

/// The runtime does not offer what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsupported {
    /// The runtime's name, from its [`Info`](crate::hooks::Info).
    pub runtime: &'static str,
    /// What it lacks.
    pub capability: Capability,
}

impl Unsupported {
    /// `runtime` has no `capability`.
    pub const fn new(runtime: &'static str, capability: Capability) -> Unsupported {
        Unsupported { runtime, capability }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "runtime `{}` has no {}", self.runtime, self.capability)
    }
}

impl core::error::Error for Unsupported {}

#[cfg(feature = "std")]
impl From<Unsupported> for std::io::Error {
    fn from(missing: Unsupported) -> Self {
        std::io::Error::new(std::io::ErrorKind::Unsupported, missing)
    }
}

/// The runtime has ended; what was asked of it will never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runtime that this belongs to has shut down")
    }
}

impl core::error::Error for Gone {}

#[cfg(feature = "std")]
impl From<Gone> for std::io::Error {
    fn from(gone: Gone) -> Self {
        std::io::Error::new(std::io::ErrorKind::BrokenPipe, gone)
    }
}

/// A hook did not take what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The reason.
    pub why: RefusedWhy,
}

/// Why a hook refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedWhy {
    /// The runtime is shutting down or has ended.
    ShutDown,
    /// A limit that the runtime declares is reached; later may work.
    Full,
    /// This call cannot work where it was made (a nested `block_on`, say); the runtime's
    /// documentation says where it can.
    NotHere,
    /// Somebody else does it already, and one at a time is all this runtime can.
    Busy,
}

impl Refused {
    /// Refused because the runtime is shutting down or has ended.
    pub const SHUT_DOWN: Refused = Refused { why: RefusedWhy::ShutDown };
    /// Refused because a declared limit is reached.
    pub const FULL: Refused = Refused { why: RefusedWhy::Full };
    /// Refused because of the place of the call.
    pub const NOT_HERE: Refused = Refused { why: RefusedWhy::NotHere };

    /// Refused because somebody else does it already.
    pub const BUSY: Refused = Refused { why: RefusedWhy::Busy };

    /// Whether trying again later can succeed.
    pub const fn is_temporary(&self) -> bool {
        matches!(self.why, RefusedWhy::Full | RefusedWhy::Busy)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.why {
            RefusedWhy::ShutDown => "the runtime is shutting down",
            RefusedWhy::Full => "the runtime holds as many tasks as it may; try again later",
            RefusedWhy::Busy => {
                "another thread does this already, and the runtime can do it once at a time; try \
                 again when that has ended"
            }
            RefusedWhy::NotHere => {
                "this cannot be done here: the thread is already inside a runtime that does not \
                 nest; `.await` it, or use a thread of its own"
            }
        })
    }
}

impl core::error::Error for Refused {}

/// Why a task has no output.
///
/// Ask with [`is_cancelled`](JoinError::is_cancelled), [`is_panic`](JoinError::is_panic) and
/// [`unsupported`](JoinError::unsupported).
pub struct JoinError(Kind);

enum Kind {
    Cancelled,
    Refused(RefusedWhy),
    Unsupported(Unsupported),
    #[cfg(feature = "std")]
    // The mutex is never locked; it makes the error `Sync`, as error types are expected to be.
    Panicked(std::sync::Mutex<Payload>),
}

impl JoinError {
    pub(crate) const CANCELLED: JoinError = JoinError(Kind::Cancelled);

    pub(crate) fn panicked(payload: Payload) -> JoinError {
        #[cfg(feature = "std")]
        return JoinError(Kind::Panicked(std::sync::Mutex::new(payload)));
        #[cfg(not(feature = "std"))]
        match payload {}
    }

    /// Whether the task was aborted, or its runtime ended before it did.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0, Kind::Cancelled | Kind::Refused(RefusedWhy::ShutDown))
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        #[cfg(feature = "std")]
        return matches!(self.0, Kind::Panicked(_));
        #[cfg(not(feature = "std"))]
        false
    }

    /// What the runtime lacks for this kind of task, if that was the reason.
    pub fn unsupported(&self) -> Option<Unsupported> {
        match self.0 {
            Kind::Unsupported(missing) => Some(missing),
            _ => None,
        }
    }

    /// Why the runtime refused the task, if it did.
    pub fn refused(&self) -> Option<RefusedWhy> {
        match self.0 {
            Kind::Refused(why) => Some(why),
            _ => None,
        }
    }

    /// The panic's payload, for [`std::panic::resume_unwind`]; gives the error back if it was none.
    #[cfg(feature = "std")]
    pub fn try_into_panic(self) -> Result<Payload, JoinError> {
        match self.0 {
            Kind::Panicked(payload) => {
                Ok(payload.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
            }
            other => Err(JoinError(other)),
        }
    }

    /// The panic's payload.
    ///
    /// # Panics
    ///
    /// If the task did not panic.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn into_panic(self) -> Payload {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(other) => panic!("the task did not panic: {other}"),
        }
    }
}

impl From<Refused> for JoinError {
    fn from(refused: Refused) -> Self {
        JoinError(Kind::Refused(refused.why))
    }
}

impl From<Unsupported> for JoinError {
    fn from(missing: Unsupported) -> Self {
        JoinError(Kind::Unsupported(missing))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Cancelled => f.write_str("the task was cancelled"),
            Kind::Refused(why) => write!(f, "the task was not started: {}", Refused { why: *why }),
            Kind::Unsupported(missing) => write!(f, "the task was not started: {missing}"),
            #[cfg(feature = "std")]
            Kind::Panicked(payload) => match payload.try_lock().ok().and_then(|p| text(&p)) {
                Some(text) => write!(f, "the task panicked: {text}"),
                None => f.write_str("the task panicked"),
            },
        }
    }
}

/// The message of an ordinary `panic!`.
#[cfg(feature = "std")]
fn text(payload: &Payload) -> Option<std::string::String> {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<std::string::String>().map(|s| s.as_str()));
    text.map(Into::into)
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl core::error::Error for JoinError {}

#[cfg(feature = "std")]
impl From<JoinError> for std::io::Error {
    fn from(error: JoinError) -> Self {
        let kind = match error.0 {
            Kind::Unsupported(_) => std::io::ErrorKind::Unsupported,
            Kind::Cancelled | Kind::Refused(_) => std::io::ErrorKind::BrokenPipe,
            Kind::Panicked(_) => std::io::ErrorKind::Other,
        };
        std::io::Error::new(kind, error)
    }
}
