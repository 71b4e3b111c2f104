//! The process has no descriptors left.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use runtime_traits::Handle;
use runtime_traits::fs::{self, File};
use runtime_traits::io::{self, Async};
use runtime_traits::net::{TcpListener, TcpStream, UdpSocket};
use runtime_traits::process::{Command, Stdio};
use runtime_traits::signal::{SignalKind, ctrl_c, signal};
use runtime_traits::time::sleep;
use rustix::process::{getpid, kill_process};
use rustix::time::{ClockId, clock_gettime};

use crate::support::{Owner, with_every_runtime};

#[path = "../support/limits.rs"]
mod limit;
use limit::{Exhausted, in_a_child, is_limit};

/// Clients that the system has connected, and nobody has accepted.
fn clients(at: SocketAddr, n: u8) -> Vec<std::net::TcpStream> {
    (0..n)
        .map(|n| {
            let mut client = std::net::TcpStream::connect(at).unwrap();
            client.write_all(&[n]).unwrap();
            client
        })
        .collect()
}

fn cpu(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// How much processor time the process takes while `body` runs, for each unit that a thread which
/// spins gets: near 0 at rest, 1 and more if a thread of ours spins.
async fn busyness(body: impl AsyncFn()) -> f64 {
    let over = Arc::new(AtomicBool::new(false));
    let stop = over.clone();
    let control = thread::spawn(move || {
        let start = cpu(ClockId::ThreadCPUTime);
        while !stop.load(SeqCst) {
            std::hint::spin_loop();
        }
        cpu(ClockId::ThreadCPUTime) - start
    });
    let start = cpu(ClockId::ProcessCPUTime);
    // Until the control has had its share: on a busy machine that takes longer.
    while cpu(ClockId::ProcessCPUTime) - start < Duration::from_millis(100) {
        body().await;
    }
    let all = cpu(ClockId::ProcessCPUTime) - start;
    over.store(true, SeqCst);
    let control = control.join().unwrap();
    all.saturating_sub(control).as_secs_f64() / control.as_secs_f64()
}

async fn accept_meets_the_limit() {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let mut clients = clients(listener.local_addr().unwrap(), 5);
    // One that was accepted before goes on working.
    let (early, _) = listener.accept().await.unwrap();
    let exhausted = Exhausted::new();
    for _ in 0..3 {
        let error = listener.accept().await.unwrap_err();
        assert!(is_limit(&error), "{error}");
    }
    let also = listener.clone();
    let error = runtime_traits::spawn(async move { also.accept().await.unwrap_err() });
    assert!(is_limit(&error.await.unwrap()), "in a task");
    let mut byte = [9];
    early.read_exact(&mut byte).await.unwrap();
    assert_eq!(byte, [0]);
    let busyness = busyness(async || sleep(Duration::from_millis(10)).await).await;
    assert!(busyness < 0.5, "connections that cannot be accepted keep it busy: {busyness}");
    drop(exhausted);
    // None of those that waited is lost.
    let mut seen = vec![0];
    for _ in 1..5 {
        let (stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        stream.write_all(&byte).await.unwrap();
        seen.push(byte[0]);
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    for (n, client) in clients.iter_mut().enumerate().skip(1) {
        client.read_exact(&mut byte).unwrap();
        assert_eq!(usize::from(byte[0]), n);
    }
    // And it waits for new ones as before.
    let waits = crate::support::Gate::default();
    let next = crate::support::announced(waits.clone(), async move { listener.accept().await });
    let next = runtime_traits::spawn(next);
    waits.wait().await;
    let _client = std::net::TcpStream::connect(early.local_addr().unwrap()).unwrap();
    next.await.unwrap().unwrap();
}

/// Whatever needs a descriptor answers an error; whatever does not, works.
async fn others_meet_the_limit() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let file = File::open("/proc/self/exe").await.unwrap();
    let (end, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let mut usr1 = signal(SignalKind::USER_DEFINED1).unwrap();
    let exhausted = Exhausted::new();
    files_meet_the_limit(&file).await;
    assert!(is_limit(&Command::new("true").spawn().unwrap_err()));
    assert!(is_limit(&Command::new("true").output().await.unwrap_err()));
    assert!(is_limit(&signal(SignalKind::USER_DEFINED2).unwrap_err()));
    assert!(is_limit(&ctrl_c().await.unwrap_err()));
    assert!(is_limit(&TcpStream::connect(at).await.unwrap_err()));
    assert!(is_limit(&TcpListener::bind("127.0.0.1:0").await.unwrap_err()));
    assert!(is_limit(&UdpSocket::bind("127.0.0.1:0").await.err().unwrap()));
    assert_eq!(runtime_traits::spawn(async { 3 }).await.unwrap(), 3);
    sleep(Duration::from_millis(1)).await;
    // What there was before works.
    kill_process(getpid(), rustix::process::Signal::USR1).unwrap();
    usr1.recv().await.unwrap();
    // These give descriptors back.
    assert!(is_limit(&Async::new(end).map(drop).unwrap_err()));
    assert!(child.wait().await.unwrap().success());
    drop(exhausted);
    TcpStream::connect(at).await.unwrap();
    assert!(Command::new("true").status().await.unwrap().success());
    fs::read("/proc/self/exe").await.unwrap();
}

async fn files_meet_the_limit(open: &File) {
    #[track_caller]
    fn refused<T>(result: io::Result<T>) {
        assert!(is_limit(&result.map(drop).unwrap_err()));
    }
    refused(File::open("/proc/self/exe").await);
    refused(File::options().append(true).open("/dev/null").await);
    refused(fs::read("/proc/self/exe").await);
    refused(fs::write("/dev/null", "x").await);
    refused(fs::copy("/proc/self/exe", "/dev/null").await);
    refused(fs::read_dir("/").await);
    // No descriptor is needed for these.
    assert!(fs::metadata("/proc/self/exe").await.unwrap().is_file());
    assert!(!fs::exists("/nowhere").await.unwrap());
    let mut magic = [0; 4];
    open.try_clone().unwrap().read_exact(&mut magic).await.unwrap();
    assert_eq!(&magic[1..], b"ELF");
}

/// What was at the limit goes on afterwards.
fn run(owner: Owner, test: impl Future<Output = ()>) {
    owner.block_on(test);
    assert_eq!(owner.block_on(async { Handle::current().spawn(async { 1 }).await }).unwrap(), 1);
}

with_every_runtime! {
    fn accept_answers_the_limit_and_recovers(start: Start) {
        in_a_child(|| run(start(), accept_meets_the_limit()));
    }

    fn everything_else_answers_it_too(start: Start) {
        in_a_child(|| run(start(), others_meet_the_limit()));
    }
}

/// A runtime that cannot have its poller says so.
#[test]
fn a_runtime_cannot_start_and_says_so() {
    in_a_child(|| {
        let _exhausted = Exhausted::new();
        let error = runtime_default::Builder::new().build().map(drop).unwrap_err();
        assert!(is_limit(&error), "{error}");
        let error = runtime_tokio::Builder::new().build().map(drop).unwrap_err();
        assert!(is_limit(&error), "{error}");
        let error = runtime_smol::Builder::new().build().map(drop).unwrap_err();
        assert!(is_limit(&error), "{error}");
    });
}
