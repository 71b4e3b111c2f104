//! Signals about writing: that of a broken pipe with what the system does by itself, that of a file too
//! long without.
//!
//! Rust programs start with the first ignored, and with the second not; a runtime in a program that does not (one that is written in
//! another language, or a filter that wants to end quietly) must not raise it. Changing either takes
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

/// From now on a file that would become longer than this process may make it is an error to whoever
/// writes, and does not end the process.
#[cfg(target_os = "linux")]
pub fn long_files_are_errors() {
    /// The number on Linux, save for MIPS.
    const SIGXFSZ: i32 =
        if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 31 } else { 25 };
    /// `SIG_IGN`.
    const IGNORED: usize = 1;
    // SAFETY: this is the signature of signal(3) in the C library that std links anyway, its handler
    // as a number.
    unsafe extern "C" {
        fn signal(signal: i32, handler: usize) -> usize;
    }
    // SAFETY: no handler is installed, and to ignore a signal asks nothing of this process.
    unsafe { signal(SIGXFSZ, IGNORED) };
}
