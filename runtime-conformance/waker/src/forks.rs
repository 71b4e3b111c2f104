//! A copy of this process that goes on in Rust.
//!
//! A program may fork, and a runtime that was made before must not hear its child's signals, and one that
//! is made there must work. Forking takes a call of C's, hence unsafe code, hence this crate. Linux alone:
//! elsewhere the system's own libraries may refuse to work in such a child.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The status of a child whose body panicked, as a Rust program's is.
const PANICKED: i32 = 101;

/// Runs `body` in a copy of this process, which has this thread only and ends when it returns, with what
/// it returns as the status. Answers the copy's number here.
///
/// Nobody else of this process should be inside a lock that `body` takes: it would wait for ever.
///
/// # Errors
///
/// The system has no more processes.
pub fn forked(body: impl FnOnce() -> u8) -> io::Result<i32> {
    // SAFETY: these are the signatures of fork(2) and _exit(2) in the C library that std links anyway.
    unsafe extern "C" {
        fn fork() -> i32;
        fn _exit(status: i32) -> !;
    }
    // SAFETY: the call asks nothing of its caller. What comes after it in the child is the question: that
    // has this thread's stack and a copy of all memory, as of one moment. Whatever other threads were
    // changing then is behind a lock that they held; the C library's own (of `malloc`, of its lists of
    // threads) are set right by it in the child, which is why this is for Linux; all others stay taken,
    // which hangs whoever wants one and breaks nothing. What other threads lent to each other is on their
    // stacks, which are still there, and nobody returns to.
    match unsafe { fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let status = catch_unwind(AssertUnwindSafe(body)).map_or(PANICKED, i32::from);
            // SAFETY: it ends the process, and runs nothing that the parent has registered.
            unsafe { _exit(status) }
        }
        child => Ok(child),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_changes_nothing_here() {
        let mut value = 1;
        let child = forked(|| {
            value += 1;
            value
        });
        assert!(child.unwrap() > 0);
        assert_eq!(value, 1);
    }
}
