//! The replication protocol by hand: one side of it that does what a test wants.

use std::net::SocketAddr;

use distridata_core::client::encode;
use runtime_traits::io;
use runtime_traits::net::{TcpListener, TcpStream};

pub(crate) const FRAMES: u8 = 1;
pub(crate) const SNAPSHOT: u8 = 2;
pub(crate) const PULSE: u8 = 3;
pub(crate) const SAFE: u8 = 4;

/// A connection to a node.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

impl Raw {
    /// Says hello to a primary as a follower does; answers its line, without the end.
    pub(crate) async fn follow(primary: SocketAddr, epoch: u64, offset: u64) -> (Raw, String) {
        Raw::follow_with(primary, epoch, offset, HASTE_MS).await
    }

    /// The same with another heartbeat.
    pub(crate) async fn follow_with(
        primary: SocketAddr,
        epoch: u64,
        offset: u64,
        heartbeat_ms: u64,
    ) -> (Raw, String) {
        let raw = Raw { stream: TcpStream::connect(primary).await.unwrap() };
        let [epoch, offset, heartbeat] = [epoch, offset, heartbeat_ms].map(|n| n.to_string());
        let hello = ["REPLICATE", "1", &epoch, &offset, &heartbeat];
        raw.stream.write_all(&encode(&hello)).await.unwrap();
        let line = raw.line().await.unwrap();
        (raw, line)
    }

    /// Waits for a follower and reads its hello: epoch and offset.
    pub(crate) async fn accept(listener: &TcpListener) -> (Raw, u64, u64) {
        loop {
            let raw = Raw { stream: listener.accept().await.unwrap().0 };
            // On a busy machine one may have lost its patience before it has said anything.
            if let Ok((epoch, offset)) = raw.hello().await {
                return (raw, epoch, offset);
            }
        }
    }

    async fn hello(&self) -> io::Result<(u64, u64)> {
        assert_eq!(self.line().await?, "*5");
        let mut words = Vec::new();
        for _ in 0..5 {
            self.line().await?;
            words.push(self.line().await?);
        }
        assert_eq!(words[..2], ["REPLICATE", "1"]);
        Ok((words[2].parse().unwrap(), words[3].parse().unwrap()))
    }

    async fn line(&self) -> io::Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).await?;
            line.push(byte[0]);
        }
        Ok(String::from_utf8(line).unwrap().trim_end().to_owned())
    }

    pub(crate) async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    pub(crate) async fn say(&self, kind: u8, payload: &[u8]) -> io::Result<()> {
        self.send(&message(kind, payload)).await
    }

    /// The next message; an error when the node has given the connection up.
    pub(crate) async fn hear(&self) -> io::Result<Message> {
        let mut header = [0; 5];
        self.stream.read_exact(&mut header).await?;
        let [kind, len @ ..] = header;
        let mut payload = vec![0; u32::from_le_bytes(len) as usize];
        self.stream.read_exact(&mut payload).await?;
        Ok(Message { kind, payload })
    }

    /// Waits until the node has given the connection up.
    pub(crate) async fn ended(&self) {
        while self.hear().await.is_ok() {}
    }
}

pub(crate) fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A heartbeat that leaves the other one's patience to itself.
const HASTE_MS: u64 = 1;

/// A pulse of a node whose log ends at `end` and that follows nobody.
pub(crate) fn pulse(end: u64) -> Vec<u8> {
    pulse_with(end, HASTE_MS)
}

/// The same with another heartbeat.
pub(crate) fn pulse_with(end: u64, heartbeat_ms: u64) -> Vec<u8> {
    [end, heartbeat_ms, 0x0123_4567].map(u64::to_le_bytes).concat()
}
