//! Unix sockets on every runtime: what UNIX-1 to UNIX-3 promise.
#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod backlog;
mod datagrams;
#[cfg(target_os = "linux")]
mod limits;
mod streams;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use runtime_traits::net::unix::{UnixListener, UnixStream};

/// A directory for socket files, removed when dropped. Its path is short: an address has 100 bytes.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("unix-{}-{}", std::process::id(), NEXT.fetch_add(1, SeqCst));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Two ends of a connection through a listener, both on the current runtime.
async fn connected() -> (UnixStream, UnixStream) {
    let dir = Dir::new();
    let listener = UnixListener::bind(dir.path("s")).unwrap();
    let ours = UnixStream::connect(dir.path("s")).await.unwrap();
    let (theirs, from) = listener.accept().await.unwrap();
    assert!(from.is_unnamed());
    (ours, theirs)
}
