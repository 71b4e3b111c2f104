//! What the tests start or ask that is not ours: redis-cli, redis-benchmark, the kernel.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A child process that is killed when it is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        let name = command.get_program().to_owned();
        let started = command.spawn();
        Running(started.unwrap_or_else(|error| {
            panic!("cannot start {name:?} ({error}); `cargo xtask test system` installs it")
        }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The lines that a process says, as they come.
pub(crate) fn announced_lines(running: &mut Running) -> Receiver<String> {
    let (send, receive) = channel();
    let stdout = BufReader::new(running.0.stdout.take().unwrap());
    thread::spawn(move || {
        stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    receive
}

/// The benchmark of redis while it runs.
pub(crate) struct Benchmark(Running);

impl Benchmark {
    /// 100,000 SETs and as many GETs of 100,000 keys, from 50 clients, 16 at a time.
    pub(crate) fn start(addr: SocketAddr) -> Benchmark {
        let port = addr.port().to_string();
        let mut command = Command::new("redis-benchmark");
        command.args(["-h", "127.0.0.1", "-p", &port, "-t", "set,get"]);
        command.args(["-n", "100000", "-r", "100000", "-c", "50", "-P", "16", "-q"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Benchmark(Running::start(&mut command))
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.0.try_wait().unwrap().is_none()
    }

    pub(crate) fn finish(mut self) {
        let status: ExitStatus = self.0.0.wait().unwrap();
        assert!(status.success(), "redis-benchmark: {status}");
    }
}

/// Runs `redis-cli` against a node; what it prints, without the last line end.
pub(crate) fn redis_cli(addr: SocketAddr, args: &[&str]) -> String {
    redis_cli_fed(addr, args, b"")
}

/// The same with something to read.
pub(crate) fn redis_cli_fed(addr: SocketAddr, args: &[&str], input: &[u8]) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", &addr.port().to_string()]).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut running = Running::start(&mut command);
    let mut stdin = running.0.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        let mut output = String::new();
        let mut stdout = running.0.stdout.take().unwrap();
        std::io::Read::read_to_string(&mut stdout, &mut output).unwrap();
        let status = running.0.wait().unwrap();
        assert!(status.success(), "redis-cli {args:?}: {status}: {output}");
        output.trim_end().to_owned()
    })
}

/// How much memory a process has, in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// As many descriptors as the system grants; how many that is.
pub(crate) fn raise_descriptor_limit() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
