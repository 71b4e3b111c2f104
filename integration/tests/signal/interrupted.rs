//! Signals whose handler interrupts system calls (`EINTR`), by the thousand, to every thread.
//!
//! A handler that is set without `SA_RESTART` makes a call that waits answer `Interrupted`. Ours are set
//! with it, but a program has others: profilers, garbage collectors, C libraries. Whatever waits here,
//! on a thread or in the poller, waits on.

use std::fs::File as StdFile;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use runtime_traits::fs::{self, File};
use runtime_traits::io::{self, AsyncReadExt as _, Unblock};
use runtime_traits::net::unix::UnixStream;
use runtime_traits::process::{Command, Stdio};
use runtime_traits::task::JoinHandle;
use runtime_traits::time::sleep;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use rustix::process::{Pid, Signal as Number, kill_process};

use crate::alone::in_a_child;
use crate::support::{Gate, announced, with_every_runtime};

/// How often a call was interrupted that is nobody's but the test's.
static INTERRUPTED: AtomicUsize = AtomicUsize::new(0);

/// Has `USR1` interrupt whatever waits.
fn interrupt_by_usr1() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: all fields may be zero: no flags (so no `SA_RESTART`), an empty mask. The handler does
    // nothing, so it may run at any time.
    let set = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut())
    };
    assert_eq!(set, 0);
}

/// Sends `USR1` to every thread of this process, again and again, until dropped.
struct Storm {
    over: std::sync::Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
    canary: StdStream,
}

impl Storm {
    fn new() -> Storm {
        interrupt_by_usr1();
        let over = std::sync::Arc::new(AtomicBool::new(false));
        let (canary, input) = StdStream::pair().unwrap();
        let goes_on = over.clone();
        let rage = move || {
            while !goes_on.load(SeqCst) {
                for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
                    let id = task.file_name().to_str().unwrap().parse().unwrap();
                    // Linux prefers the thread of that number. It may have ended meanwhile.
                    let _ = kill_process(Pid::from_raw(id).unwrap(), Number::USR1);
                }
            }
        };
        // Waits as a job does, without trying again, and counts.
        let wait = move || {
            while rustix::io::read(&input, &mut [0; 1]) == Err(Errno::INTR) {
                INTERRUPTED.fetch_add(1, SeqCst);
            }
        };
        Storm { over, threads: vec![thread::spawn(wait), thread::spawn(rage)], canary }
    }

    /// Waits until a call that waits was interrupted so many times more.
    async fn rages(&self) {
        let enough = INTERRUPTED.load(SeqCst) + 200;
        while INTERRUPTED.load(SeqCst) < enough {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.over.store(true, SeqCst);
        let _ = (&self.canary).write_all(b"x");
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

/// Awaits `future` in a task; comes back when it waits.
async fn begun<T: Send + 'static>(
    future: impl Future<Output = std::io::Result<T>> + Send + 'static,
) -> JoinHandle<std::io::Result<T>> {
    let waits = Gate::default();
    let task = runtime_traits::spawn(announced(waits.clone(), future));
    waits.wait().await;
    task
}

/// A directory of FIFOs, removed when dropped.
struct Fifos(PathBuf);

impl Fifos {
    fn new() -> Fifos {
        let path = std::env::temp_dir().join(format!("integration-storm-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Fifos(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        path
    }
}

impl Drop for Fifos {
    fn drop(&mut self) {
        // If the test fails, whoever still waits to open one would hold up the runtime's end.
        for fifo in std::fs::read_dir(&self.0).unwrap().flatten() {
            drop(both_ends(&fifo.path()));
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn both_ends(path: &Path) -> StdFile {
    StdFile::options().read(true).write(true).open(path).unwrap()
}

async fn read_three(file: File) -> std::io::Result<[u8; 3]> {
    let mut three = [0; 3];
    file.read_exact(&mut three).await.map(|()| three)
}

/// Everything that waits, before the storm and through it.
async fn whatever_waits_waits_on() {
    let fifos = Fifos::new();
    let (to_read, to_fill, to_open) = (fifos.path("read"), fifos.path("fill"), fifos.path("open"));

    let mut feed = both_ends(&to_read);
    let reading = begun(read_three(File::open(&to_read).await.unwrap())).await;
    let mut drain = both_ends(&to_fill);
    let full = File::options().write(true).open(&to_fill).await.unwrap();
    let filling = begun(async move { full.write_all(&[7; 300_000]).await }).await;
    let opening = {
        let path = to_open.clone();
        begun(async move { read_three(File::open(path).await?).await }).await
    };
    let locked = File::create(fifos.0.join("lock")).await.unwrap();
    locked.lock().await.unwrap();
    let late = File::open(fifos.0.join("lock")).await.unwrap();
    let locking = begun(async move { late.lock().await }).await;
    let (mut far, near) = StdStream::pair().unwrap();
    let unblocking = begun(async move {
        let mut three = [0; 3];
        Unblock::new(near).read_exact(&mut three).await.map(|()| three)
    })
    .await;
    let (near, mut other_far) = StdStream::pair().unwrap();
    let near = UnixStream::try_from(near).unwrap();
    let receiving = begun(async move {
        let mut three = [0; 3];
        near.read_exact(&mut three).await.map(|()| three)
    })
    .await;
    let mut child =
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let listening = begun(async move {
        let mut all = Vec::new();
        stdout.read_to_end(&mut all).await.map(|_| all)
    })
    .await;
    let awaiting = begun(async move { child.wait().await }).await;

    let storm = Storm::new();
    storm.rages().await;
    // What begins in the midst of it.
    for round in 0..10 {
        let path = fifos.0.join("file");
        fs::write(&path, [round; 1000]).await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), [round; 1000]);
        for _ in 0..20 {
            // std's copy is interrupted once in a hundred here.
            assert_eq!(fs::copy(&path, fifos.0.join("copy")).await.unwrap(), 1000);
        }
        let output = Command::new("echo").arg("hello").output().await.unwrap();
        assert_eq!(output.stdout, b"hello\n");
    }
    feed.write_all(b"abc").unwrap();
    far.write_all(b"abc").unwrap();
    other_far.write_all(b"abc").unwrap();
    assert_eq!(&reading.await.unwrap().unwrap(), b"abc");
    assert_eq!(&unblocking.await.unwrap().unwrap(), b"abc");
    assert_eq!(&receiving.await.unwrap().unwrap(), b"abc");
    // Held until it was read: an open that is interrupted begins anew.
    let mut opens = both_ends(&to_open);
    opens.write_all(b"abc").unwrap();
    assert_eq!(&opening.await.unwrap().unwrap(), b"abc");
    // The last bytes fit into the pipe: the writer is done.
    let drained = io::unblock(move || {
        let mut filled = vec![0; 300_000];
        drain.read_exact(&mut filled).map(|()| filled)
    });
    let filled = drained.await.unwrap();
    assert!(filled.iter().all(|byte| *byte == 7));
    filling.await.unwrap().unwrap();
    locked.unlock().await.unwrap();
    locking.await.unwrap().unwrap();
    stdin.write_all(b"hello").await.unwrap();
    storm.rages().await;
    drop(stdin);
    assert_eq!(listening.await.unwrap().unwrap(), b"hello");
    assert!(awaiting.await.unwrap().unwrap().success());
}

with_every_runtime! {
    fn no_interrupted_call_is_anybody_s_error(start: Start) {
        in_a_child(|| {
            let owner = start();
            owner.block_on(whatever_waits_waits_on());
            // The end of the runtime is a wait, too.
            let storm = Storm::new();
            drop(owner);
            drop(storm);
        });
    }
}
