//! What a client has sent and nobody has understood yet.
//!
//! ```text
//!  0       start          end       len
//!  │ done  │ to be parsed │ room    │
//! ```
//!
//! Small for clients that say little (there may be ten thousand), larger while much comes in, never
//! larger than twice what one command must be and what arrived with it.

/// Room that a client begins with; a quiet one goes back to it.
const SMALL: usize = 1 << 10;
/// Up to here the room doubles whenever a read fills it.
const LARGE: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    /// Received and not yet done.
    pub(super) fn received(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Forgets the first `n` bytes.
    pub(super) fn done(&mut self, n: usize) {
        self.start += n;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Room for the next read, at least one byte; tell [`filled`](Input::filled) how much came.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 && self.bytes.len() - self.end < self.bytes.len() / 2 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.bytes.len() {
            self.bytes.resize((2 * self.bytes.len()).max(SMALL), 0);
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes came.
    pub(super) fn filled(&mut self, n: usize) {
        self.end += n;
        if self.end == self.bytes.len() && self.bytes.len() < LARGE {
            self.bytes.resize(2 * self.bytes.len(), 0);
        }
    }

    /// Gives memory back, now that the client is quiet.
    pub(super) fn rest(&mut self) {
        if self.end == 0 && self.bytes.len() > LARGE {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(input: &mut Input, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = input.room();
            let n = room.len().min(bytes.len());
            room[..n].copy_from_slice(&bytes[..n]);
            input.filled(n);
            bytes = &bytes[n..];
        }
    }

    #[test]
    fn what_comes_in_is_what_is_there_whatever_was_done_before() {
        let all: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        let (mut input, mut done) = (Input::default(), 0);
        for (round, chunk) in all.chunks(777).enumerate() {
            put(&mut input, chunk);
            let n = input.received().len() * (round % 3) / 2;
            assert_eq!(input.received()[..n], all[done..done + n]);
            input.done(n);
            done += n;
        }
        assert_eq!(input.received(), &all[done..]);
    }

    #[test]
    fn a_quiet_client_costs_little() {
        let mut input = Input::default();
        put(&mut input, &vec![1; 1 << 20]);
        input.done(1 << 20);
        input.rest();
        assert_eq!(input.room().len(), SMALL);
        assert!(input.bytes.len() <= LARGE);
    }
}
