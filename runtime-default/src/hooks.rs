//! The hooks that the parts implement, imported in one place.

pub(crate) use runtime_traits::{
    Gone, Refused,
    hooks::{After, Blocking, Dir, Drive, Key, Kind, Reactor, Source, Task, Timer, Token},
    time::Instant,
};
