//! What sockets offer beyond std's, on every runtime: batches and runs of datagrams, and names whose two
//! families race.

#[path = "../support/mod.rs"]
mod support;

mod batch;
mod batched;
mod race;
