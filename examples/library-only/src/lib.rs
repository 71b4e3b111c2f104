//! A small library as library authors write it: it depends on `runtime-traits` and on nothing that
//! runs tasks, and it has no feature that chooses a runtime.
//!
//! It serves the time of day over TCP, and asks for it. Client and server exchange lines:
//!
//! ```text
//! client: hello⏎
//! server: 86399 hello⏎          seconds since midnight (UTC), and the line it was sent
//! ```
//!
//! See it run on three runtimes: `cargo run -p story --bin on_default`, or `--bin on_humboldt`, or
//! `--bin on_tokio`.
//! Its tests, `cargo test -p library-only`, run on four.

#![forbid(unsafe_code)]

use std::time::SystemTime;

use runtime_traits::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use runtime_traits::time::{Duration, sleep, timeout};
use runtime_traits::{io, spawn};

/// Longer lines are refused: a peer does not decide how much memory we use.
const LINE_LEN_MAX: usize = 1024;
/// How often [`ask`] tries, and how long each time.
const TRIES: u32 = 3;
const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that listens but does not answer yet: see [`run`](Server::run).
#[derive(Debug)]
pub struct Server(TcpListener);

impl Server {
    /// Listens at `addr`.
    ///
    /// # Errors
    ///
    /// Those of [`TcpListener::bind`].
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Server> {
        Ok(Server(TcpListener::bind(addr).await?))
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers clients, each in a task of its own, for ever.
    ///
    /// # Cancellation
    ///
    /// Leaves running: clients that are connected are still answered.
    ///
    /// # Errors
    ///
    /// Those of [`TcpListener::accept`].
    pub async fn run(self) -> io::Result<()> {
        loop {
            let (client, _) = self.0.accept().await?;
            // A client that goes away is nothing to report. Dropping the handle detaches.
            drop(spawn(async move { answer(client).await }));
        }
    }
}

/// Answers line by line until the client has no more.
async fn answer(client: TcpStream) -> io::Result<()> {
    let mut lines = Lines::new(&client);
    while let Some(line) = lines.next().await? {
        let answer = format!("{} {line}\n", seconds_of_day());
        client.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// Sends `line` to a server and returns its answer. Tries again a few times, as servers restart.
///
/// # Cancellation
///
/// Safe, except that the server may have been asked.
///
/// # Errors
///
/// The last try's; `TimedOut` if the server was silent.
pub async fn ask(server: impl ToSocketAddrs, line: &str) -> io::Result<String> {
    let mut pause = Duration::from_millis(50);
    for _ in 1..TRIES {
        match timeout(TRY_TIMEOUT, ask_once(&server, line)).await {
            Ok(Ok(answer)) => return Ok(answer),
            _ => sleep(pause).await,
        }
        pause *= 2;
    }
    timeout(TRY_TIMEOUT, ask_once(&server, line)).await?
}

async fn ask_once(server: impl ToSocketAddrs, line: &str) -> io::Result<String> {
    let stream = TcpStream::connect(server).await?;
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    let answer = Lines::new(&stream).next().await?;
    answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Reads lines from a stream.
struct Lines<'a> {
    stream: &'a TcpStream,
    /// What was read beyond the last line.
    rest: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn new(stream: &'a TcpStream) -> Lines<'a> {
        Lines { stream, rest: Vec::new() }
    }

    /// The next line without its end, `None` after the last.
    async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(len) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line = self.rest.drain(..=len).take(len).collect();
                let line = String::from_utf8(line);
                return line.map(Some).map_err(|_| io::ErrorKind::InvalidData.into());
            }
            if self.rest.len() > LINE_LEN_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
            }
            let mut bytes = [0; 256];
            match self.stream.read(&mut bytes).await? {
                0 => return Ok(None),
                n => self.rest.extend_from_slice(&bytes[..n]),
            }
        }
    }
}

fn seconds_of_day() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs() % (24 * 60 * 60))
}
