//! The signal that a broken pipe sends, with what the system does by itself.
//!
//! Rust programs start with it ignored; a runtime in a program that does not (one that is written in
//! another language, or a filter that wants to end quietly) must not raise it. Changing it back takes
//! a call of C's, hence unsafe code, hence this crate.

/// From now on a broken pipe ends this process, unless whoever writes asks not to be told so.
#[cfg(unix)]
pub fn broken_pipes_kill() {
    /// The same number on every Unix that Rust runs on.
    const SIGPIPE: i32 = 13;
    /// `SIG_DFL`.
    const DEFAULT: usize = 0;
    // SAFETY: this is the signature of signal(3) in the C library that std links anyway, its handler
    // as a number.
    unsafe extern "C" {
        fn signal(signal: i32, handler: usize) -> usize;
    }
    // SAFETY: no handler is installed, and the default disposition asks nothing of this process.
    unsafe { signal(SIGPIPE, DEFAULT) };
}

/// There is no such signal here.
#[cfg(not(unix))]
pub fn broken_pipes_kill() {}
