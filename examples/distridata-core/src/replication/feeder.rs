//! Feeds one follower: what it lacks, then whatever is new.
//!
//! Two halves on one connection: one sends what is safe here (R1), the other hears how far the
//! follower's log is. If either fails the follower is let go; it comes back by itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future::or;
use runtime_traits::net::TcpStream;
use runtime_traits::{io, task};

use super::link::{receive, send};
use super::message::{Answer, Kind, PAYLOAD_MAX, Pulse, VERSION, decode_offset};
use crate::engine::Engine;
use crate::log::{Read, Reader, SnapshotFile};
use crate::node::Shared;

/// Followers at a time (D5); others can follow one of them.
const FOLLOWERS_MAX: usize = 64;

/// What a follower says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) version: u64,
    pub(crate) epoch: u64,
    pub(crate) offset: u64,
    pub(crate) heartbeat: Duration,
}

/// What the follower gets.
struct Offer {
    answer: Answer,
    snapshot: Option<Arc<SnapshotFile>>,
    reader: Reader,
}

/// Feeds a follower until the connection breaks.
///
/// # Cancellation
///
/// Safe: the follower connects again.
pub(crate) async fn feed(
    shared: &Shared,
    stream: &TcpStream,
    peer: SocketAddr,
    hello: Hello,
) -> io::Result<()> {
    if hello.version != VERSION {
        let line =
            format!("-ERR this node speaks version {VERSION} of the replication protocol\r\n");
        return stream.write_all(line.as_bytes()).await;
    }
    if shared.followers.list().len() >= FOLLOWERS_MAX {
        return stream.write_all(b"-ERR max number of followers reached\r\n").await;
    }
    let Some(offer) = offer(&shared.engine, hello) else {
        return stream.write_all(b"-ERR the log is being replaced, try again\r\n").await;
    };
    stream.write_all(offer.answer.to_string().as_bytes()).await?;
    let seat = shared.followers.enter(peer);
    let sending = async {
        pulse(shared, stream).await?;
        if let Some(snapshot) = offer.snapshot {
            send_snapshot(stream, snapshot).await?;
        }
        send_frames(shared, stream, offer.reader).await
    };
    let patience = shared.settings.patience(hello.heartbeat);
    or(sending, hear(stream, patience, |offset| seat.safe_at(offset))).await
}

/// Decides what the follower needs; `None` while the log is being replaced.
fn offer(engine: &Engine, hello: Hello) -> Option<Offer> {
    let before = engine.replaced()?;
    let offer = offer_of_this_log(engine, hello)?;
    // History and log were of one piece if neither has been replaced in between.
    (engine.replaced() == Some(before)).then_some(offer)
}

fn offer_of_this_log(engine: &Engine, hello: Hello) -> Option<Offer> {
    let tail = engine.tail();
    if engine.has_in_its_history(hello.epoch, hello.offset) {
        if let Some(reader) = tail.start(hello.offset) {
            return Some(Offer { answer: Answer::Continue, snapshot: None, reader });
        }
    }
    match tail.newest_snapshot() {
        Some((snapshot, reader)) => {
            let answer = Answer::Snapshot { offset: snapshot.offset(), len: snapshot.body_len() };
            Some(Offer { answer, snapshot: Some(snapshot), reader })
        }
        None => Some(Offer { answer: Answer::Restart, snapshot: None, reader: tail.start(0)? }),
    }
}

async fn send_snapshot(stream: &TcpStream, snapshot: Arc<SnapshotFile>) -> io::Result<()> {
    let mut position = 0;
    while position < snapshot.body_len() {
        let snapshot = Arc::clone(&snapshot);
        let part = blocking(move || {
            let mut part = Vec::new();
            snapshot.read_at(&mut part, PAYLOAD_MAX, position)?;
            Ok(part)
        });
        let part = part.await?;
        send(stream, Kind::Snapshot, &part).await?;
        position += part.len() as u64;
    }
    Ok(())
}

/// Sends what is safe here, and a pulse once per heartbeat.
async fn send_frames(shared: &Shared, stream: &TcpStream, mut reader: Reader) -> io::Result<()> {
    let mut pulsed = Instant::now();
    loop {
        if pulsed.elapsed() >= shared.settings.heartbeat {
            pulse(shared, stream).await?;
            pulsed = Instant::now();
        }
        let growth = shared.engine.growth();
        let safe = shared.engine.safe();
        let read = blocking(move || {
            let mut part = Vec::new();
            let read = reader.read(&mut part, PAYLOAD_MAX, safe)?;
            Ok((reader, part, read))
        });
        let (after, part, read) = read.await?;
        reader = after;
        match read {
            Read::Over => return Err(io::Error::other("this node's log was replaced")),
            Read::Bytes(0) => {
                shared.heartbeat(growth).await;
            }
            Read::Bytes(_) => send(stream, Kind::Frames, &part).await?,
        }
    }
}

async fn pulse(shared: &Shared, stream: &TcpStream) -> io::Result<()> {
    let heartbeat = shared.settings.heartbeat;
    let pulse = Pulse { end: shared.engine.safe(), heartbeat, chain: shared.chain() };
    send(stream, Kind::Pulse, &pulse.encode()).await
}

/// Hears from the follower; an error once it has been silent for too long.
async fn hear(stream: &TcpStream, patience: Duration, safe_at: impl Fn(u64)) -> io::Result<()> {
    let mut payload = Vec::new();
    loop {
        let kind = receive(stream, &mut payload, patience).await?;
        if kind != Kind::Safe {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a follower does not send data",
            ));
        }
        safe_at(decode_offset(&payload)?);
    }
}

async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> io::Result<R> + Send + 'static,
) -> io::Result<R> {
    task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::log::frame::encode;
    use crate::log::sim::SimDir;
    use crate::node::Settings;
    use crate::op::{Epoch, Op};

    #[runtime_default::test]
    async fn d3_nobody_is_offered_the_new_log_by_the_old_history() {
        let engine = Engine::open(Arc::new(SimDir::new()), &Settings::default()).unwrap().0;
        let (mut payload, mut frame) = (Vec::new(), Vec::new());
        Op::Epoch(Epoch { id: 7, start: 0 }).encode(&mut payload);
        encode(&mut frame, 0, &payload);
        engine.receive(frame).await.unwrap();
        let (end, hello) = (
            engine.safe(),
            Hello { version: VERSION, epoch: 7, offset: 0, heartbeat: Duration::ZERO },
        );
        assert_eq!(offer(&engine, hello).unwrap().answer, Answer::Continue);
        let mut restarting = pin!(engine.restart());
        let held = engine.hold_log();
        assert!(restarting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(held);
        while engine.tail().start(end).is_some() {
            task::yield_now().await;
        }
        // The log is the new one now, and the data still has the old epoch.
        assert!(engine.has_in_its_history(7, 0) && offer(&engine, hello).is_none());
        restarting.await.unwrap();
        assert_eq!(offer(&engine, hello).unwrap().answer, Answer::Restart);
    }
}
