//! Sockets.
#![cfg(any(unix, windows))]
