//! The hooks that the parts implement, imported in one place.

pub(crate) use runtime_traits::{
    Gone,
    hooks::{After, Dir, Drive, Key, Reactor, Source, Timer, Token},
    time::Instant,
};
