//! Tasks: one cell, one state word, two drivers.
//!
//! ```text
//!                       Cell  (one allocation)
//!            ┌────────────────────────────────────────┐
//!  Task ────▶│ Header: vtable · state · runtime ·      │◀──── JoinHandle
//!  Runnable  │         join waker · host waker · links │◀──── Waker (queue driver)
//!            ├────────────────────────────────────────┤◀╌╌╌╌ TaskList (not counted)
//!            │ stage: the future, then its outcome     │
//!            └────────────────────────────────────────┘
//! ```
//!
//! A fresh [`Task`] is driven in one of two ways. A runtime with queues turns it into a
//! [`Runnable`], one word, and calls [`Runnable::run`]; wakes come back through
//! [`Spawn::schedule`](crate::hooks::Spawn::schedule). A runtime that *hosts* our tasks in another
//! executor's polls the `Task`, which is a future; wakes go straight to the host's own waker.
//!
//! # Files
//!
//! `state` decides (moves on the state word, each returns what must be done next); `cell` does it
//! (memory, the future, the outcome); `runnable`, `join` and `local` are the handles that people
//! hold; `list` finds parked tasks at shutdown; `locals` are the values of a task. A local task with a
//! home lets its own thread move a plain word; what others say (`away`, `abroad`) comes to it as mail
//! (`local`).
//!
//! # Invariants
//!
//! - **T1** The *stage* and the task's locals belong to the driver until `DONE`; from then on to the join handle while it
//!   exists, else to the driver that set `DONE`.
//! - **T2** The cell is freed by the move that takes away the last of: driver (`SCHEDULED` or
//!   `RUNNING`), join handle (`HANDLE`), wakers (the count).
//! - **T3** The *join slot* belongs to the handle while `AWAITED` is clear and `DONE` is not set; to
//!   whoever set `DONE` if `AWAITED` was set then. The *host slot* belongs to whoever cleared `HOST`.
//! - **T4** A cell in a [`TaskList`] leaves it before `DONE`, hence before it can be freed.
//! - **T5** Foreign code (future, destructors, wakers) runs contained, outside every lock, and with
//!   the task's runtime current when it is the task's own.

#[cfg_attr(not(feature = "std"), path = "task/abroad/none.rs")]
mod abroad;
#[cfg_attr(not(feature = "std"), path = "task/away/none.rs")]
mod away;
mod cell;
mod join;
mod list;
#[cfg(feature = "std")]
mod local;
#[cfg(feature = "std")]
mod locals;
#[cfg(not(feature = "std"))]
#[path = "task/locals/none.rs"]
mod locals;
mod runnable;
mod state;
mod waker;

pub use cell::Meta;
pub use join::JoinHandle;
pub use list::TaskList;
#[cfg(feature = "std")]
pub use local::{LocalHome, LocalList, LocalRunnable, LocalTask};
#[cfg(feature = "std")]
pub use locals::{LocalId, Locals};
pub use runnable::{Ran, Runnable, Task};

#[cfg(all(test, feature = "std", not(any(loom, shuttle))))]
mod tests;
