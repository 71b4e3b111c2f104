//! How the files are named, and the 32 bytes that each begins with.
//!
//! ```text
//!  ┌─────────┬─────────────┬─────────┬────────────────┬────────────┐
//!  │ magic 8 │ version u32 │ crc u32 │ generation u64 │ offset u64 │   little endian
//!  └─────────┴─────────────┴─────────┴────────────────┴────────────┘
//!   crc: CRC-32 of the other fields
//! ```
//!
//! These 32 bytes keep their form in every version, so that an old program can tell a newer file
//! from a damaged one.
//!
//! The *generation* counts how often the whole log was replaced by another one. Only files of the
//! highest generation count, so the first file of a new generation that gets its name replaces
//! everything at once, also where both generations have a file of the same name.

use crc32fast::Hasher;

use super::frame::{u32_at, u64_at};

/// The version that this program writes, and the newest that it reads.
pub(crate) const VERSION: u32 = 1;

/// Bytes of the header.
pub(crate) const HEADER: u64 = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Segment,
    Snapshot,
}

impl Kind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Kind::Segment => b"DDATALOG",
            Kind::Snapshot => b"DDATASNP",
        }
    }

    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Kind::Segment => "log-",
            Kind::Snapshot => "snapshot-",
        }
    }

    /// Returns the name of the file of this kind at `offset`.
    pub(crate) fn name(self, offset: u64) -> String {
        format!("{}{offset:020}", self.prefix())
    }
}

/// Reads a name; `None` if it is none of ours.
pub(crate) fn parse_name(name: &str) -> Option<(Kind, u64)> {
    let kind =
        [Kind::Segment, Kind::Snapshot].into_iter().find(|k| name.starts_with(k.prefix()))?;
    let offset = name.strip_prefix(kind.prefix())?.parse().ok()?;
    (kind.name(offset) == name).then_some((kind, offset))
}

/// What a file says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) generation: u64,
    /// A segment: where it begins. A snapshot: where the log goes on after it.
    pub(crate) offset: u64,
}

/// Why a header was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHeader {
    Damaged(&'static str),
    Newer(u32),
}

impl Header {
    pub(crate) fn name(&self) -> String {
        self.kind.name(self.offset)
    }

    pub(crate) fn encode(&self) -> [u8; HEADER as usize] {
        self.encode_version(VERSION)
    }

    pub(crate) fn encode_version(&self, version: u32) -> [u8; HEADER as usize] {
        let mut bytes = [0; HEADER as usize];
        bytes[..8].copy_from_slice(self.kind.magic());
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.generation.to_le_bytes());
        bytes[24..].copy_from_slice(&self.offset.to_le_bytes());
        let crc = checksum(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header of a file whose name says `kind` and `offset`.
    pub(crate) fn decode(kind: Kind, offset: u64, bytes: &[u8]) -> Result<Header, BadHeader> {
        if bytes.len() < HEADER as usize {
            return Err(BadHeader::Damaged("the file ends inside its header"));
        }
        if bytes[..8] != kind.magic()[..] || u32_at(bytes, 12) != checksum(bytes) {
            return Err(BadHeader::Damaged("the header is not one of ours, or is damaged"));
        }
        if u32_at(bytes, 8) != VERSION {
            return Err(BadHeader::Newer(u32_at(bytes, 8)));
        }
        let header = Header { kind, generation: u64_at(bytes, 16), offset: u64_at(bytes, 24) };
        if header.offset != offset {
            return Err(BadHeader::Damaged("the header names another offset than the file's name"));
        }
        Ok(header)
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&bytes[..12]);
    hasher.update(&bytes[16..HEADER as usize]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Header = Header { kind: Kind::Segment, generation: 3, offset: 77 };

    #[test]
    fn names_are_read_as_they_are_written() {
        assert_eq!(HEAD.name(), "log-00000000000000000077");
        assert_eq!(parse_name(&HEAD.name()), Some((Kind::Segment, 77)));
        assert_eq!(parse_name(&Kind::Snapshot.name(u64::MAX)), Some((Kind::Snapshot, u64::MAX)));
        for other in ["LOCK", "log-77", "log-+0000000000000000077", "log-00000000000000000077.tmp"]
        {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }

    #[test]
    fn a_header_is_read_as_it_is_written() {
        assert_eq!(Header::decode(Kind::Segment, 77, &HEAD.encode()), Ok(HEAD));
        assert!(Header::decode(Kind::Segment, 78, &HEAD.encode()).is_err(), "a renamed file");
        assert!(Header::decode(Kind::Snapshot, 77, &HEAD.encode()).is_err());
    }

    #[test]
    fn newer_and_damaged_are_told_apart() {
        let newer = HEAD.encode_version(2);
        assert_eq!(Header::decode(Kind::Segment, 77, &newer), Err(BadHeader::Newer(2)));
        for bit in 0..32 * 8 {
            let mut bad = HEAD.encode();
            bad[bit / 8] ^= 1 << (bit % 8);
            let found = Header::decode(Kind::Segment, 77, &bad);
            assert!(matches!(found, Err(BadHeader::Damaged(_))), "bit {bit}: {found:?}");
        }
    }
}
