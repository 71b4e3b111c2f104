//! Keeps this node like another one: connects, catches up, goes on, and begins again when it breaks.
//!
//! Two halves on one connection, as in `feeder`: one receives and writes, the other says how far the
//! log is safe here. The second never ends the first (R6). After each failure there is a pause, longer
//! each time as long as nothing is got.

use std::convert::Infallible;
use std::time::Duration;

use futures_lite::future::{or, pending};
use runtime_traits::net::TcpStream;
use runtime_traits::{io, time};

use super::link::{receive, send, within};
use super::message::{Answer, Garbled, Kind, Pulse, VERSION, millis};
use crate::client;
use crate::engine::{Engine, random};
use crate::log::Incoming;
use crate::log::frame::Frames;
use crate::node::{Shared, say};

/// Pause after the first failure; it doubles with each further one.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What comes out of turn.
const UNEXPECTED: Garbled = Garbled("what was not asked for");

/// Longest line that answers a handshake.
const LINE_MAX: usize = 512;

/// Follows `primary` for ever.
pub(crate) async fn follow(shared: &Shared, primary: &str) {
    let mut pause = PAUSE_MIN;
    loop {
        let before = shared.engine.safe();
        let Err(error) = follow_once(shared, primary).await;
        if let Some(what) = shared.upstream.lost(&error) {
            say(format_args!("{what} {primary}: {error}; trying again"));
        }
        if shared.engine.safe() != before {
            pause = PAUSE_MIN;
        }
        time::sleep(jittered(pause)).await;
        pause = (2 * pause).min(PAUSE_MAX);
    }
}

/// Half of it to all of it, so that followers of one node do not come back all at once.
fn jittered(pause: Duration) -> Duration {
    pause / 2 + pause.mul_f64((random() % 1000) as f64 / 2000.0)
}

async fn follow_once(shared: &Shared, primary: &str) -> io::Result<Infallible> {
    let patience = shared.settings.patience(Duration::ZERO);
    let stream = within(patience, TcpStream::connect(primary)).await?;
    stream.set_nodelay(true)?;
    let (epoch, offset) = shared.engine.position();
    let numbers = [VERSION, epoch, offset, millis(shared.settings.heartbeat)];
    let [version, epoch, offset, heartbeat] = numbers.map(|number| number.to_string());
    let args = ["REPLICATE", &version, &epoch, &offset, &heartbeat];
    stream.write_all(&client::encode(&args)).await?;
    let line = within(patience, read_line(&stream)).await?;
    let answer = Answer::parse(&line).ok_or_else(|| io::Error::other(line))?;
    let mut from = From { shared, stream: &stream, payload: Vec::new(), patience };
    or(from.keep_up(primary, answer), tell_safe(shared, &stream)).await
}

/// Says how far the log is safe here: whenever that has changed, and once per heartbeat.
///
/// Never ends: if nothing can be sent, what is received will tell why (R6).
async fn tell_safe<R>(shared: &Shared, stream: &TcpStream) -> R {
    loop {
        let growth = shared.engine.growth();
        let safe = shared.engine.safe().to_le_bytes();
        if send(stream, Kind::Safe, &safe).await.is_err() {
            return pending().await;
        }
        shared.heartbeat(growth).await;
    }
}

/// Reads a line byte by byte: what follows it is not ours.
async fn read_line(stream: &TcpStream) -> io::Result<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        line.extend_from_slice(&byte);
        if line.len() > LINE_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"));
        }
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// The connection to whom we follow.
struct From<'a> {
    shared: &'a Shared,
    stream: &'a TcpStream,
    /// Of the latest message.
    payload: Vec<u8>,
    /// How long it may be silent.
    patience: Duration,
}

impl From<'_> {
    /// Does what the answer to the handshake says, then goes on with frames, for ever.
    ///
    /// # Cancellation
    ///
    /// Leaves running what is being written to the log: drop the node, too.
    async fn keep_up(&mut self, primary: &str, answer: Answer) -> io::Result<Infallible> {
        let Shared { engine, upstream, .. } = self.shared;
        // The first pulse says whom we would follow: before anything is forgotten.
        self.next(Kind::Pulse).await?;
        match answer {
            Answer::Continue => {
                say(format_args!("following {primary} from offset {}", engine.safe()));
            }
            Answer::Restart => {
                say(format_args!("following {primary} from the beginning"));
                engine.restart().await?;
            }
            Answer::Snapshot { offset, len } => {
                say(format_args!("fetching a snapshot of {len} bytes from {primary}"));
                self.fetch(offset, len).await?;
            }
        }
        upstream.found();
        self.frames().await
    }

    /// The next message, which must be of this kind; a pulse may come at any time.
    async fn next(&mut self, wanted: Kind) -> io::Result<()> {
        loop {
            let kind = receive(self.stream, &mut self.payload, self.patience).await?;
            if kind == Kind::Pulse {
                self.heed(&Pulse::decode(&self.payload)?)?;
            }
            if kind == wanted {
                return Ok(());
            }
            if kind != Kind::Pulse {
                return Err(UNEXPECTED.into());
            }
        }
    }

    fn heed(&mut self, pulse: &Pulse) -> io::Result<()> {
        if pulse.chain.contains(&self.shared.id) {
            return Err(io::Error::other("it follows this node; nobody can follow himself"));
        }
        self.patience = self.shared.settings.patience(pulse.heartbeat);
        self.shared.upstream.heard(pulse);
        Ok(())
    }

    /// Replaces what this node has by a snapshot.
    async fn fetch(&mut self, offset: u64, len: u64) -> io::Result<()> {
        let engine: &Engine = &self.shared.engine;
        let mut incoming: Incoming = engine.incoming(offset).await?;
        let mut left = len;
        while left > 0 {
            self.next(Kind::Snapshot).await?;
            let part = std::mem::take(&mut self.payload);
            left = left.checked_sub(part.len() as u64).ok_or(UNEXPECTED)?;
            incoming = engine.keep_part(incoming, part).await?;
        }
        engine.install(incoming).await
    }

    /// Frames, for ever.
    async fn frames(&mut self) -> io::Result<Infallible> {
        let mut gathered = Vec::new();
        loop {
            self.next(Kind::Frames).await?;
            gathered.extend_from_slice(&self.payload);
            let whole = Frames::check(&gathered, self.shared.engine.safe());
            let whole = whole.map_err(io::Error::other)?.bytes().len();
            if whole > 0 {
                let rest = gathered.split_off(whole);
                self.shared.engine.receive(std::mem::replace(&mut gathered, rest)).await?;
            }
        }
    }
}
