//! How many commands a second does the data store serve, on each runtime and beside redis?
//!
//! ```text
//! cargo xtask bench distridata [--rounds N]
//! ```
//!
//! In every round each subject is started afresh with an empty directory and asked by
//! `redis-benchmark -t set,get -r 100000 -c 50 -P 16`; the order moves on with the round. Compared are
//! ratios within a round. `redis-benchmark` runs on the same cores, so what is measured is server and
//! client together: a server that costs nothing would still be limited by the client.

use std::io::{BufRead, BufReader, Lines};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::stats::Spread;

/// The filter that asks for this.
pub(crate) const NAME: &str = "distridata";

/// Who is compared; the first is ours, the next two are what it has to keep up with.
const SUBJECTS: [&str; 5] = ["default", "tokio", "smol", "humboldt", REDIS];
const REDIS: &str = "redis-server";
const TESTS: [&str; 2] = ["SET", "GET"];
/// On our runtime at least so much of the best of tokio and smol.
const LIMIT: f64 = 0.95;

/// Commands a second: subject, test, round.
type Rates = [[Vec<f64>; 2]; SUBJECTS.len()];

/// `false`: the gate fails.
pub(crate) fn run(rounds: usize, requests: usize) -> Result<bool, String> {
    let program = build()?;
    let mut rates = Rates::default();
    for round in 0..rounds {
        for turn in 0..SUBJECTS.len() {
            let subject = (round + turn) % SUBJECTS.len();
            let server = Server::start(&program, SUBJECTS[subject])?;
            measure(server.port, requests / 10)?;
            for (test, rate) in measure(server.port, requests)?.into_iter().enumerate() {
                rates[subject][test].push(rate);
            }
        }
        eprintln!("round {} of {rounds}", round + 1);
    }
    print!("{}", table(&rates));
    Ok(gates(&rates))
}

/// Builds the program as its users would, with the settings of its own workspace.
fn build() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "-p", "distridata"]).current_dir(root);
    let status = command.arg("--target-dir").arg(&target).status();
    match status {
        Ok(status) if status.success() => Ok(target.join("release/distridata")),
        other => Err(format!("distridata was not built: {other:?}")),
    }
}

/// A server with an empty directory; dropping it ends it and removes the directory.
struct Server {
    process: Child,
    directory: PathBuf,
    port: u16,
    /// Kept open, so that the server can go on printing.
    _lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Server {
    fn start(program: &Path, subject: &str) -> Result<Server, String> {
        let directory =
            std::env::temp_dir().join(format!("distridata-bench-{}", std::process::id()));
        let started = std::fs::create_dir_all(&directory).map_err(|error| error.to_string());
        started?;
        if subject == REDIS { redis(directory) } else { node(program, subject, directory) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn node(program: &Path, runtime: &str, directory: PathBuf) -> Result<Server, String> {
    let mut command = Command::new(program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--runtime", runtime, "--data"]);
    command.arg(directory.join("data")).stdout(Stdio::piped());
    let mut process = command.spawn().map_err(|error| error.to_string())?;
    let mut lines = process.stdout.take().map(|out| BufReader::new(out).lines());
    let port = lines.iter_mut().flatten().map_while(Result::ok).find_map(|line| {
        line.strip_prefix("listening at ")?.split(' ').next()?.rsplit(':').next()?.parse().ok()
    });
    let mut server = Server { process, directory, port: 0, _lines: lines };
    server.port = port.ok_or_else(|| format!("distridata did not start on {runtime}"))?;
    Ok(server)
}

/// It cannot choose a port itself, so we choose one that was free a moment ago.
fn redis(directory: PathBuf) -> Result<Server, String> {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr());
    let port = free.map_err(|error| error.to_string())?.port();
    let mut command = Command::new(REDIS);
    command.args(["--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--port"]);
    command.arg(port.to_string()).arg("--dir").arg(&directory).stdout(Stdio::null());
    let spawned = command.spawn();
    let process =
        spawned.map_err(|error| format!("{REDIS}: {error}; apt-get install redis-server"))?;
    let mut server = Server { process, directory, port, _lines: None };
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Ok(Some(status)) = server.process.try_wait() {
            return Err(format!("{REDIS} ended: {status}"));
        }
        std::thread::yield_now();
    }
    Ok(server)
}

/// Commands a second, for each of [`TESTS`].
fn measure(port: u16, requests: usize) -> Result<[f64; 2], String> {
    let mut command = Command::new("redis-benchmark");
    command.args(["-t", "set,get", "-r", "100000", "-c", "50", "-P", "16", "--csv", "-n"]);
    let output = command.arg(requests.to_string()).arg("-p").arg(port.to_string()).output();
    let output =
        output.map_err(|error| format!("redis-benchmark: {error}; it is in redis-tools"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = |test: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("\"{test}\",\"")));
        line.and_then(|rest| rest.split('"').next()?.parse().ok())
    };
    match TESTS.map(rate) {
        [Some(set), Some(get)] => Ok([set, get]),
        _ => {
            Err(format!("redis-benchmark says: {text}{}", String::from_utf8_lossy(&output.stderr)))
        }
    }
}

fn table(rates: &Rates) -> String {
    let mut text = String::from("\nthousand commands a second, and the ratio to redis-server\n");
    for (subject, name) in SUBJECTS.iter().enumerate() {
        text.push_str(&format!("  {name:<14}"));
        for (test, what) in TESTS.iter().enumerate() {
            let rate = Spread::of(&rates[subject][test]);
            let ratio = Spread::of_ratios(&rates[subject][test], &rates[SUBJECTS.len() - 1][test]);
            text.push_str(&format!(
                "  {what} {:>5.0} ({:.0}–{:.0})  {:.2} ({:.2}–{:.2})",
                rate.median / 1e3,
                rate.min / 1e3,
                rate.max / 1e3,
                ratio.median,
                ratio.min,
                ratio.max,
            ));
        }
        text.push('\n');
    }
    text
}

/// Our runtime against the better of tokio and smol, round by round.
fn gates(rates: &Rates) -> bool {
    let [ours, tokio, smol, ..] = rates;
    let mut all = true;
    println!("\ngate: runtime-default × the best of tokio and smol");
    for (test, what) in TESTS.iter().enumerate() {
        let best: Vec<f64> =
            tokio[test].iter().zip(&smol[test]).map(|(tokio, smol)| tokio.max(*smol)).collect();
        let ratio = Spread::of_ratios(&ours[test], &best);
        let passes = ratio.median >= LIMIT;
        let word = if passes { "pass" } else { "FAIL" };
        println!(
            "  {word} {what} {:.2} (limit {LIMIT:.2}; {:.2}–{:.2})",
            ratio.median, ratio.min, ratio.max
        );
        all &= passes;
    }
    all
}
