//! Reading and writing that is not a socket's, on every runtime: objects that block, the process's own
//! streams, connections in memory.
//!
//! | file | asks |
//! |---|---|
//! | `unblock` | is everything there, in order, whatever is dropped (IO-12) |
//! | `failing` | are errors, panics and missing runtimes told, once, and never followed by a false `Ok` |
//! | `items` | iterators as streams |
//! | `memory` | `duplex`, `copy_bidirectional` (IO-11), reads into fresh memory |
//! | `huge` | buffers and transfers beyond 2 GiB, and of nothing |
//! | `descriptors` | inotify, timerfd, eventfd, a terminal in `Async` |
//! | `split` | halves of a stream that wakes from inside its poll |
//! | `stdio` | stdin, stdout, stderr, in a process of their own |

#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod descriptors;
mod failing;
#[cfg(target_os = "linux")]
mod huge;
mod items;
mod memory;
mod objects;
mod split;
mod stdio;
mod unblock;
