//! The system's signals.
//!
//! ```
//! use runtime_traits::signal::{self, SignalKind};
//! # #[cfg(unix)]
//! /// Reads the settings again whenever it is told to.
//! async fn reload(mut read: impl FnMut()) -> std::io::Result<()> {
//!     let mut told = signal::signal(SignalKind::HANGUP)?;
//!     loop {
//!         told.recv().await?;
//!         read();
//!     }
//! }
//! ```
//!
//! # What a listener changes
//!
//! The first listener for a signal takes the place of its default effect, **for the rest of the
//! program**: a process that once listened for [`INTERRUPT`](SignalKind::INTERRUPT) no longer ends by
//! Ctrl-C, also when the listener is gone. Others may listen by then, and to bring the default back
//! would end the program under their feet. Handlers that stood before go on being called.
//!
//! # Storms
//!
//! However many signals come, nothing grows and nobody blocks: those that came since the last item are one
//! item. What a handler interrupts is taken up again, here and by files, children and sockets;
//! so are calls that other people's handlers interrupt (`EINTR`), set without `SA_RESTART`.
//!
//! # Files
//!
//! ```text
//!   listener   Signal, signal(), ctrl_c(): which kind of listener
//!      │
//!    watch     unix: a bell on the runtime's reactor       windows: a place in a table
//!      │
//!    bell      unix: an action of its own, which rings a descriptor of its own
//! ```
#![cfg(any(unix, windows))]

mod kind;
mod listener;

#[cfg(unix)]
pub(crate) mod bell;
#[cfg(unix)]
#[path = "signal/unix.rs"]
mod watch;
#[cfg(windows)]
#[path = "signal/windows.rs"]
mod watch;

pub use kind::SignalKind;
pub use listener::{Signal, ctrl_c, signal};
