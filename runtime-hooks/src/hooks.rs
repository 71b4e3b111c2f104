//! What a runtime implements.
//!
//! A runtime is one type with [`Runtime`]; three methods are required and every further capability
//! is a getter that answers `None` until it is written. All hooks are object-safe; none has an
//! associated type, an `async fn` or a generic; the hot ones (`poll_…`, `schedule`) allocate
//! nothing. A capability that is missing is answered with a typed error that names the runtime and
//! the capability, never with a hang.
//!
//! Start with [`Spawn`], then [`BlockOn`], [`Timer`], and (with `std`) `Reactor`: with these four a
//! runtime has tasks, time and, through the ready-made parts of `runtime-traits`, sockets.
//!
//! Each trait lists its clauses; `runtime-conformance` tests them under the same ids.

mod block_on;
mod blocking;
mod budget;
mod metrics;
mod place;
mod runtime;
mod spawn;
mod timer;
mod virtual_time;

pub use block_on::BlockOn;
pub use blocking::{Blocking, Kind};
pub use budget::Budget;
pub use metrics::Metrics;
pub use place::Place;
pub use runtime::{Info, Runtime, State, Tag};
pub use spawn::{Spawn, Why};
pub use timer::{Key, Timer};
pub use virtual_time::VirtualTime;

#[cfg(feature = "std")]
mod completion;
#[cfg(feature = "std")]
mod drive;
#[cfg(feature = "std")]
mod fs;
#[cfg(feature = "std")]
mod local;
#[cfg(feature = "std")]
mod net;
#[cfg(feature = "std")]
mod process;
#[cfg(feature = "std")]
mod reactor;
#[cfg(feature = "std")]
mod signal;
#[cfg(feature = "std")]
mod stream;

#[cfg(feature = "std")]
pub use completion::{Completion, Done, IoBuf, Op, OpId};
#[cfg(feature = "std")]
pub use drive::Drive;
#[cfg(feature = "std")]
pub use fs::{FileDone, FileKind, FileObject, FileOp, Fs, OpenHow};
#[cfg(feature = "std")]
pub use local::{Home, SpawnLocal};
#[cfg(feature = "std")]
pub use net::{Boxed, Datagram, Listen, Net};
#[cfg(feature = "std")]
pub use process::{ChildObject, Pipe, Process};
#[cfg(feature = "std")]
pub use reactor::{After, BorrowedSource, Dir, OwnedSource, Reactor, Source, Token};
#[cfg(feature = "std")]
pub use signal::{Signal, SignalStream};
#[cfg(feature = "std")]
pub use stream::{ByteStream, ReadCursor};

// Every hook is an object: this line fails to compile when one stops being so.
#[expect(clippy::type_complexity, reason = "a list of types, not a type anyone uses")]
const _: Option<(
    &dyn Runtime,
    &dyn Spawn,
    &dyn Timer,
    &dyn Blocking,
    &dyn Place,
    &dyn BlockOn,
    &dyn Budget,
    &dyn VirtualTime,
)> = None;
#[cfg(feature = "std")]
#[expect(clippy::type_complexity, reason = "as above")]
const _: Option<(
    &dyn SpawnLocal,
    &dyn Reactor,
    &dyn Drive,
    &dyn Completion,
    &dyn ByteStream,
    &dyn Net,
    &dyn Listen,
    &dyn Datagram,
    &dyn Fs,
    &dyn FileObject,
    &dyn Process,
    &dyn ChildObject,
    &dyn Signal,
    &dyn SignalStream,
)> = None;
