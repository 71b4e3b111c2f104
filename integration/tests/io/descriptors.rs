//! Odd descriptors in [`Async`]: whatever the system can poll can be awaited.
//!
//! Programs with them: `examples/custom-source` (timerfd), `examples/everyday` (inotify).

use std::fs::File;
use std::future::Future;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use runtime_traits::io::{self, Async, AsyncReadExt as _, AsyncWriteExt as _, ErrorKind};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::support::{Gate, announced, on_every_runtime};

/// The number that a descriptor counts to.
async fn count(descriptor: &Async<OwnedFd>) -> io::Result<u64> {
    let mut count = [0; 8];
    descriptor.read_with(|fd| Ok(rustix::io::read(fd, &mut count)?)).await?;
    Ok(u64::from_ne_bytes(count))
}

/// Awaits `future` in a task; comes back when it waits.
async fn begun<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> runtime_traits::task::JoinHandle<T> {
    let waits = Gate::default();
    let task = runtime_traits::spawn(announced(waits.clone(), future));
    waits.wait().await;
    task
}

/// Both ends of a terminal that passes bytes as they are: the master's, and the program's.
fn pty() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut settings = tcgetattr(&slave).unwrap();
    settings.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &settings).unwrap();
    (master.into(), slave)
}

on_every_runtime! {
    async fn an_inotify_says_what_happened_in_a_directory() {
        let id = format!("{}-{:?}", std::process::id(), std::thread::current().id());
        let dir = std::env::temp_dir().join(format!("integration-io-{id}"));
        std::fs::create_dir(&dir).unwrap();
        let watch = inotify::init(CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&watch, &dir, WatchFlags::CREATE).unwrap();
        let watch = Async::new(watch).unwrap();
        let task = begun(async move {
            watch
                .read_with(|fd| {
                    let mut room = [MaybeUninit::uninit(); 1024];
                    let mut events = inotify::Reader::new(fd, &mut room);
                    Ok(events.next()?.file_name().map(|name| name.to_owned()))
                })
                .await
        })
        .await;
        std::fs::write(dir.join("news"), "").unwrap();
        assert_eq!(task.await.unwrap().unwrap().unwrap().to_str(), Ok("news"));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    async fn a_timerfd_counts_by_the_kernel_s_clock() {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC).unwrap();
        let beat = Timespec::try_from(Duration::from_millis(1)).unwrap();
        let times = Itimerspec { it_interval: beat, it_value: beat };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times).unwrap();
        let timer = Async::new(timer).unwrap();
        let mut beats = 0;
        while beats < 5 {
            let n = count(&timer).await.unwrap();
            assert!(n > 0);
            beats += n;
        }
    }

    async fn an_eventfd_is_a_bell_between_threads() {
        let bell = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let rope = bell.try_clone().unwrap();
        let bell = Async::new(bell).unwrap();
        let task = begun(async move { count(&bell).await }).await;
        let ring = move || rustix::io::write(&rope, &3_u64.to_ne_bytes()).unwrap();
        std::thread::spawn(ring).join().unwrap();
        assert_eq!(task.await.unwrap().unwrap(), 3);
    }

    /// A pty; a serial port is a terminal, too.
    async fn a_terminal_is_read_and_written_and_hangs_up() {
        let (master, slave) = pty();
        let (mut master, mut slave) = (Async::new(master).unwrap(), Async::new(slave).unwrap());
        let task = begun(async move {
            let mut five = [0; 5];
            master.read_exact(&mut five).await.map(|()| (five, master))
        })
        .await;
        slave.write_all(b"hello").await.unwrap();
        let (five, mut master) = task.await.unwrap().unwrap();
        assert_eq!(&five, b"hello");
        // More than it holds: the writer waits for the reader.
        let bytes = vec![b'x'; 100_000];
        let mut all = vec![0; bytes.len()];
        let task = begun(async move {
            master.write_all(&bytes).await?;
            master.flush().await.map(|()| master)
        })
        .await;
        slave.read_exact(&mut all).await.unwrap();
        assert!(all.iter().all(|byte| *byte == b'x'));
        let mut master = task.await.unwrap().unwrap();
        drop(slave);
        // The system's word for the end of a terminal.
        let end = master.read(&mut [0]).await;
        assert_eq!(end.unwrap_err().raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()));
    }

    async fn what_cannot_be_polled_is_an_error() {
        let file = File::open("/proc/self/exe").unwrap();
        let error = Async::new(file).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "epoll's word: {error}");
    }
}
