//! What does it cost to read a file that is in the cache?
//!
//! Measured: 64 MiB, opened and read to the end with a buffer of 64 KiB; the median of the times, per
//! MiB. The file lies beside this program: `tmpfs` has no such thing as a cache to be asked.
//! Floor: `pread` in a loop, 86 µs.

use std::fs;
use std::path::PathBuf;

use super::{Sample, Stopwatch, Workload};
use crate::api::Api;
use crate::stats::median;

const MIB: usize = 64;
const BUFFER: usize = 64 * 1024;
const WARM_UP: usize = 2;

pub(super) struct FileRead {
    pub(super) times: usize,
}

impl Workload for FileRead {
    async fn run<A: Api>(self) -> Sample {
        let (file, mut buffer) = (Written::new(), vec![0; BUFFER]);
        for _ in 0..WARM_UP {
            once::<A>(&file, &mut buffer).await;
        }
        let whole = Stopwatch::start();
        let mut seconds = Vec::with_capacity(self.times);
        for _ in 0..self.times {
            seconds.push(once::<A>(&file, &mut buffer).await);
        }
        let read = (self.times * MIB) as f64;
        let main = median(&seconds) * 1e6 / MIB as f64;
        Sample { main, side: whole.cpu_seconds() * 1e6 / read }
    }
}

async fn once<A: Api>(file: &Written, buffer: &mut [u8]) -> f64 {
    let watch = Stopwatch::start();
    assert_eq!(A::read_file(&file.0, buffer).await, MIB * 1024 * 1024);
    watch.wall_seconds()
}

/// A file of this process, removed when it is dropped.
struct Written(PathBuf);

impl Written {
    fn new() -> Written {
        let program = std::env::current_exe().expect("a place");
        let path = program.with_file_name(format!("file_read-{}", std::process::id()));
        fs::write(&path, vec![7; MIB * 1024 * 1024]).expect("room for 64 MiB");
        Written(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
