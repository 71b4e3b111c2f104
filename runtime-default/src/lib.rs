//! The parts of the reference runtime. Soon: the runtime itself.

mod sync;
mod sys;
