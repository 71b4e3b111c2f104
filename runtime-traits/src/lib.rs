//! Async code as std would have it: tasks, time, sockets, files, child processes, signals, on
//! whichever runtime the application chose.
//!
//! A library depends on this crate alone. It spawns, sleeps, connects and reads files as it would with
//! `std`, and never names a runtime:
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
//! | `std` (default) | threads: `spawn_blocking`, `spawn_local`; `TaskGroup`, `LocalSet`, `CancelToken`, `TaskLocal`; `entry`; `io` with `Unblock`, stdio, `duplex` |
//! | `net` (default) | sockets, Unix sockets too, `io::Async`, `lookup_host` |
//! | `fs`, `process`, `signal` (default) | files, child processes, the system's signals |
//! | `udp-batch` | `net::BatchedUdpSocket`: segmentation offload and ECN, over `quinn-udp` |
//! | `macros` | `#[main]` and `#[test]` that take the runtime as an argument |
//!
//! `process` brings `signal`, that `net`, that and `fs` bring `std`, and `std` brings `alloc`. Features add;
//! none selects a runtime.
//!
//! # Platforms
//!
//! Linux is tested. Elsewhere some items are missing or answer `ErrorKind::Unsupported`, such as locks of
//! files on Windows: `docs/platform-gaps.md` in the repository lists them. `net`, `fs`, `process` and
//! `signal` are modules on Unix and Windows only. `docs/std-surface.md` lists every function of std with
//! what stands for it here.
#![no_std]
#![forbid(unsafe_op_in_unsafe_fn)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
mod contain;
#[cfg(feature = "std")]
pub mod entry;
#[cfg(feature = "fs")]
pub mod fs;
pub mod hooks;
#[cfg(feature = "std")]
pub mod io;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "signal")]
pub mod signal;
pub mod task;
pub mod time;

pub use runtime_hooks::{
    BlockOnError, Capability, Entered, Gone, Handle, JoinError, NoRuntime, Refused, RefusedWhy,
    Unsupported, static_runtime,
};
#[cfg(feature = "macros")]
pub use runtime_macros::{main, test};
pub use task::spawn;
