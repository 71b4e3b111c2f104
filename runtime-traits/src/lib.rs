//! Async code as std would have it: tasks, time, sockets, on whichever runtime the application
//! chose.
//!
//! A library depends on this crate alone. It spawns, sleeps and connects as it would with `std`, and
//! never names a runtime:
//!
//! ```
//! # #[cfg(feature = "net")]
//! use runtime_traits::{io, net::TcpStream, time::timeout};
//! # #[cfg(feature = "net")]
//! /// Asks a server for its greeting.
//! async fn greeting(server: &str) -> io::Result<Vec<u8>> {
//!     use std::time::Duration;
//!     let stream = timeout(Duration::from_secs(5), TcpStream::connect(server)).await??;
//!     let mut line = vec![0; 512];
//!     let n = stream.read(&mut line).await?;
//!     line.truncate(n);
//!     Ok(line)
//! }
//! ```
//!
//! An application picks the runtime with one attribute, `#[runtime_default::main]` or another's. A
//! runtime author implements [`hooks`].
//!
//! # Profiles
//!
//! | features | what there is |
//! |---|---|
//! | none (*core*) | [`task::spawn`], [`time`], [`hooks`]; `no_std`, no heap |
//! | `alloc` | tasks in boxes |
//! | `std` (default) | threads: `spawn_blocking`, `spawn_local`; `TaskGroup`, `entry`, the `io` traits |
//! | `net` (default) | sockets, `io::Async`, `lookup_host` |
//! | `macros` | `#[main]` and `#[test]` that take the runtime as an argument |
//!
//! `net` brings `std`, and `std` brings `alloc`. Features add; none selects a runtime.
#![no_std]
#![forbid(unsafe_op_in_unsafe_fn)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
pub mod entry;
pub mod hooks;
#[cfg(feature = "std")]
pub mod io;
#[cfg(feature = "net")]
pub mod net;
pub mod task;
pub mod time;

pub use runtime_hooks::{
    BlockOnError, Capability, Entered, Gone, Handle, JoinError, NoRuntime, Refused, RefusedWhy,
    Unsupported, static_runtime,
};
#[cfg(feature = "macros")]
pub use runtime_macros::{main, test};
pub use task::spawn;
