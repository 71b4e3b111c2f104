//! What a node and its follower say to each other, as bytes.
//!
//! A follower opens a connection like any client and sends the command
//! `REPLICATE <version> <epoch> <offset> <heartbeat in ms>`. The answer is one line:
//!
//! | answer | what follows |
//! |---|---|
//! | `+CONTINUE` | frames from the follower's offset on |
//! | `+RESTART` | frames from offset 0 on: the follower forgets what it has |
//! | `+SNAPSHOT <offset> <bytes>` | a snapshot of so many bytes, then frames from that offset on |
//! | `-…` | nothing; the line says why |
//!
//! The follower says nothing more before it has that line. After it both sides send *messages*: one
//! byte of kind, four of length, the rest. Frames and snapshots are cut anywhere: a message's end
//! means nothing to them. Each side has told the other its heartbeat, so that the one in a hurry does
//! not take the calm one for dead.

use std::fmt;
use std::time::Duration;

/// Written into the handshake: nodes that speak another version are refused.
pub(crate) const VERSION: u64 = 1;

/// Longest message: what a follower must be ready to hold.
pub(crate) const PAYLOAD_MAX: usize = 1 << 20;

/// Bytes before a message's payload.
pub(crate) const HEADER: usize = 5;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Down: bytes of the log.
    Frames = 1,
    /// Down: bytes of a snapshot file.
    Snapshot = 2,
    /// Down: alive, once per heartbeat; the payload is a [`Pulse`].
    Pulse = 3,
    /// Up: the log is safe here up to this offset. Also sent when nothing is new, once per heartbeat.
    Safe = 4,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) len: usize,
}

/// The other side does not speak as this page says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Garbled(pub(super) &'static str);

impl fmt::Display for Garbled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the other node sent {}", self.0)
    }
}

impl std::error::Error for Garbled {}

impl From<Garbled> for std::io::Error {
    fn from(garbled: Garbled) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, garbled)
    }
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER] {
        let mut bytes = [self.kind as u8; HEADER];
        bytes[1..].copy_from_slice(&(self.len as u32).to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: [u8; HEADER]) -> Result<Header, Garbled> {
        let [kind, len @ ..] = bytes;
        let kinds = [Kind::Frames, Kind::Snapshot, Kind::Pulse, Kind::Safe];
        let kind = kinds.into_iter().find(|known| *known as u8 == kind);
        let kind = kind.ok_or(Garbled("a message of an unknown kind"))?;
        let len = u32::from_le_bytes(len) as usize;
        if len > PAYLOAD_MAX {
            return Err(Garbled("a message that is too long"));
        }
        Ok(Header { kind, len })
    }
}

/// A sign of life, with what a follower wants to know about whom it follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pulse {
    /// Where the log ends there.
    pub(crate) end: u64,
    /// How often it speaks at least.
    pub(crate) heartbeat: Duration,
    /// The node that sends this, the one it follows, and so on up to the primary: who finds itself
    /// in it follows itself.
    pub(crate) chain: Vec<u64>,
}

impl Pulse {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let head = [self.end, millis(self.heartbeat)];
        let numbers = head.into_iter().chain(self.chain.iter().copied());
        numbers.flat_map(u64::to_le_bytes).collect()
    }

    pub(crate) fn decode(payload: &[u8]) -> Result<Pulse, Garbled> {
        let mut numbers = payload.chunks_exact(8).map(number);
        let end = numbers.next().ok_or(Garbled("a pulse without an offset"))?;
        let heartbeat = numbers.next().ok_or(Garbled("a pulse without a heartbeat"))?;
        let heartbeat = Duration::from_millis(heartbeat);
        Ok(Pulse { end, heartbeat, chain: numbers.collect() })
    }
}

/// A heartbeat as it is sent.
pub(crate) fn millis(heartbeat: Duration) -> u64 {
    u64::try_from(heartbeat.as_millis()).unwrap_or(u64::MAX)
}

/// The payload of [`Kind::Safe`].
pub(crate) fn decode_offset(payload: &[u8]) -> Result<u64, Garbled> {
    if payload.len() == 8 { Ok(number(payload)) } else { Err(Garbled("half an offset")) }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// How a node answers a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Continue,
    Restart,
    /// Where the frames go on after it, and how many bytes it has.
    Snapshot {
        offset: u64,
        len: u64,
    },
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Continue => f.write_str("+CONTINUE\r\n"),
            Answer::Restart => f.write_str("+RESTART\r\n"),
            Answer::Snapshot { offset, len } => write!(f, "+SNAPSHOT {offset} {len}\r\n"),
        }
    }
}

impl Answer {
    /// Understands a line without its end.
    pub(crate) fn parse(line: &str) -> Option<Answer> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["+CONTINUE"] => Some(Answer::Continue),
            ["+RESTART"] => Some(Answer::Restart),
            ["+SNAPSHOT", offset, len] => {
                Some(Answer::Snapshot { offset: offset.parse().ok()?, len: len.parse().ok()? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_and_strange_ones_are_refused() {
        for kind in [Kind::Frames, Kind::Snapshot, Kind::Pulse, Kind::Safe] {
            let header = Header { kind, len: 77_777 };
            assert_eq!(Header::decode(header.encode()), Ok(header));
        }
        assert!(Header::decode([9, 0, 0, 0, 0]).is_err());
        assert!(Header::decode([1, 255, 255, 255, 255]).is_err());
    }

    #[test]
    fn pulses_come_back() {
        for chain in [vec![], vec![1, u64::MAX]] {
            let pulse = Pulse { end: 1 << 40, heartbeat: Duration::from_millis(77), chain };
            assert_eq!(Pulse::decode(&pulse.encode()), Ok(pulse));
        }
        assert!(Pulse::decode(&[1, 2, 3]).is_err());
        assert!(Pulse::decode(&[0; 8]).is_err());
        assert_eq!(decode_offset(&258u64.to_le_bytes()), Ok(258));
        assert!(decode_offset(&[0; 9]).is_err());
    }

    #[test]
    fn answers_come_back() {
        let snapshot = Answer::Snapshot { offset: 1 << 40, len: 12 };
        for answer in [Answer::Continue, Answer::Restart, snapshot] {
            assert_eq!(Answer::parse(answer.to_string().trim_end()), Some(answer));
        }
        for strange in ["", "+SNAPSHOT", "+SNAPSHOT 1", "+SNAPSHOT 1 x", "-ERR no", "+CONTINUE 1"] {
            assert_eq!(Answer::parse(strange), None, "{strange}");
        }
    }
}
