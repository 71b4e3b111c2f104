//! Frames: how a payload lies in the log, and how a run of them is checked.
//!
//! ```text
//!  ┌─────────┬─────────┬────────────┬───────────────┐
//!  │ len u32 │ crc u32 │ offset u64 │ payload (len) │   little endian
//!  └─────────┴─────────┴────────────┴───────────────┘
//!   crc: CRC-32 of len, offset and payload
//!   offset: where in the log the frame begins, its own first byte
//! ```
//!
//! The offset is in the frame so that a frame at the wrong place is a bad frame: remains of an older
//! file, a page that was written elsewhere, another node's history.
//!
//! Not here: reading frames out of a file (`scan`).

use std::fmt;

use crc32fast::Hasher;

/// Bytes of a frame before its payload.
pub const HEAD: usize = 16;

/// The longest payload. A longer one is refused, and a frame that claims one is bad.
pub const PAYLOAD_MAX: usize = 1 << 30;

/// One frame that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where in the log the frame begins.
    pub offset: u64,
    /// What was appended.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Returns where in the log the frame ends and the next one begins.
    pub fn end(&self) -> u64 {
        self.offset + (HEAD + self.payload.len()) as u64
    }
}

/// A run of whole frames that were checked: lengths, checksums, and offsets without a gap.
#[derive(Debug, Clone, Copy)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    start: u64,
}

impl<'a> Frames<'a> {
    /// Checks as many whole frames as `bytes` begins with, the first of which is to be at `offset`.
    ///
    /// What follows the last whole frame is the beginning of another one; it is not part of the
    /// run, and the caller keeps it until the rest has come. A beginning that cannot become a good
    /// frame is an error at once.
    pub fn check(bytes: &'a [u8], offset: u64) -> Result<Frames<'a>, BadFrame> {
        let mut checked = 0;
        while let Some(len) = first(&bytes[checked..], offset + checked as u64)? {
            checked += len;
        }
        Ok(Frames { bytes: &bytes[..checked], start: offset })
    }

    /// Returns the bytes of the run, to be appended unchanged.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns where in the log the run begins.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Returns where in the log the run ends.
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// Yields the frames in order.
impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let len = Head::read(self.bytes)?.len;
        let (whole, rest) = self.bytes.split_at(HEAD + len);
        let frame = Frame { offset: self.start, payload: &whole[HEAD..] };
        (self.bytes, self.start) = (rest, frame.end());
        Some(frame)
    }
}

/// Checks the first frame of `bytes` and answers its length; `None` if it is not all there.
fn first(bytes: &[u8], offset: u64) -> Result<Option<usize>, BadFrame> {
    let Some(head) = Head::read(bytes) else { return Ok(None) };
    if !head.is_plausible(offset) {
        return Err(BadFrame { offset });
    }
    let Some(whole) = bytes.get(..HEAD + head.len) else { return Ok(None) };
    if is_good(whole) { Ok(Some(whole.len())) } else { Err(BadFrame { offset }) }
}

/// Puts a frame into `buf`, in place of what it held.
pub(crate) fn encode(buf: &mut Vec<u8>, offset: u64, payload: &[u8]) {
    debug_assert!(payload.len() <= PAYLOAD_MAX);
    buf.clear();
    buf.reserve(HEAD + payload.len());
    buf.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    buf.extend_from_slice(&[0; 4]);
    buf.extend_from_slice(&offset.to_le_bytes());
    buf.extend_from_slice(payload);
    let crc = checksum(buf);
    buf[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// The bytes before a payload, read and not yet believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) len: usize,
    offset: u64,
}

impl Head {
    /// Reads the head that `bytes` begins with; `None` if it is not all there.
    pub(crate) fn read(bytes: &[u8]) -> Option<Head> {
        let bytes = bytes.get(..HEAD)?;
        Some(Head { len: u32_at(bytes, 0) as usize, offset: u64_at(bytes, 8) })
    }

    /// Returns `true` if this can be the head of the frame at `offset`.
    pub(crate) fn is_plausible(&self, offset: u64) -> bool {
        self.offset == offset && self.len <= PAYLOAD_MAX
    }
}

/// Returns `true` if the checksum of this one whole frame is right.
pub(crate) fn is_good(whole: &[u8]) -> bool {
    u32_at(whole, 4) == checksum(whole)
}

fn checksum(whole: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&whole[..4]);
    hasher.update(&whole[8..]);
    hasher.finalize()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut array = [0; 4];
    array.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(array)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut array = [0; 8];
    array.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(array)
}

/// Bytes that are not the frame that should be at this offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadFrame {
    offset: u64,
}

impl BadFrame {
    /// Returns where in the log the frame should have begun.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no good frame at offset {}: damaged on the way, or of another log", self.offset)
    }
}

impl std::error::Error for BadFrame {}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(offset: u64, payloads: &[&[u8]]) -> Vec<u8> {
        let (mut run, mut frame) = (Vec::new(), Vec::new());
        for payload in payloads {
            encode(&mut frame, offset + run.len() as u64, payload);
            run.extend_from_slice(&frame);
        }
        run
    }

    #[test]
    fn a_run_is_what_was_put_in() {
        let bytes = run(70, &[b"one", b"", b"three"]);
        let frames = Frames::check(&bytes, 70).unwrap();
        assert_eq!((frames.start(), frames.end()), (70, 70 + bytes.len() as u64));
        let payloads: Vec<&[u8]> = frames.map(|frame| frame.payload).collect();
        assert_eq!(payloads, [&b"one"[..], b"", b"three"]);
    }

    #[test]
    fn a_cut_at_any_byte_leaves_the_whole_frames() {
        let bytes = run(0, &[b"one", b"two"]);
        for cut in 0..bytes.len() {
            let frames = Frames::check(&bytes[..cut], 0).unwrap();
            assert_eq!(frames.count(), usize::from(cut >= HEAD + 3), "cut at {cut}");
        }
    }

    #[test]
    fn a_bit_flipped_anywhere_is_no_good_frame() {
        let good = run(5, &[b"payload"]);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let found = Frames::check(&bad, 5).map(|frames| frames.count());
            assert_ne!(found, Ok(1), "bit {bit}");
        }
    }

    #[test]
    fn a_frame_of_another_place_is_bad() {
        let bytes = run(16, &[b"x"]);
        assert_eq!(Frames::check(&bytes, 17).unwrap_err().offset(), 17);
        assert!(Frames::check(&[0; 64], 0).is_err(), "zeros are no frames");
    }
}
