//! What a file remembers between operations: plain data, and the moves on it.
//!
//! Nothing here waits, locks or calls the system. A move says what is to be done next ([`Step`]), and
//! `flight` does it. There are two lanes, one for what is asked and one for what is written:
//!
//! ```text
//!  asking    Idle ─ start ─▶ Flying{whose} ─ landed ─▶ Landed{whose} ─ handed out, cursor moves ─▶ Idle
//!                                 └ whose call was dropped: ─▶ Idle, thrown away (a stream keeps it)
//!
//!  writing   Idle ─ start ─▶ Flying{whose} ─ a call's ─────▶ Landed{n or error} ─ fetched ─▶ Idle
//!                             ▲  │  │                           └ dropped, not all ─▶ Unwritten
//!                             │  │  └─ written behind, all ───────────────────────────────▶ Idle
//!                             │  └──── failed ─▶ Unwritten{bytes, error} ─ error told ─┐
//!                             └────────────── flush, close, sync or write: tried again ┘
//! ```
//!
//! # Invariants
//!
//! - **F1** Unless the file is a stream, one lane flies at a time, at *our* cursor.
//! - **F2** The cursor moves when bytes are handed out, when a call's write has landed, and when bytes
//!   to be written behind are taken; by nothing that was dropped before it began to write.
//! - **F3** Bytes that were taken leave `Unwritten` by being written, and in no other way. An error is
//!   told once; as long as there are such bytes, a flush is not `Ok`.
//! - **F4** What was asked for a trait is as old as the call; what moves the cursor forgets it.
//! - **F5** A length that came for a trait is laid aside, and asking for something else does not throw it
//!   away. So of two tasks that read and seek by polls, neither undoes the other's for ever: a length is
//!   asked for again only after somebody got on.

use core::mem;
use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Read as _, Result, SeekFrom};
use std::vec::Vec;

use crate::hooks::{FileDone, FileKind, FileOp, IoBuf};

/// The most that one operation moves, in bytes.
pub(super) const JOB_MAX: usize = 2 * 1024 * 1024;

/// In whose name an operation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// A poll trait's, that is, whichever poll comes next.
    Trait,
    /// A call of an inherent method, by its number; `0` has not started anything.
    Call(u64),
    /// A call's that was dropped.
    Nobody,
}

/// A lane, and the index of its flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Ask,
    Write,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Step<T> {
    /// Answer.
    Done(Result<T>),
    /// Wait for a landing.
    Wait,
    /// Begin this, which flies already as far as the state is concerned; then answer, or come again.
    Start { lane: Lane, op: FileOp, then: Option<T> },
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Bytes { at: u64 },
    Len,
}

#[derive(Debug)]
enum Asking {
    Idle,
    Flying { whose: Whose, want: Want },
    Landed { whose: Whose, want: Want, res: Result<u64>, bytes: Vec<u8> },
}

#[derive(Debug)]
enum Writing {
    Idle,
    Flying {
        whose: Whose,
        at: u64,
        len: usize,
    },
    /// A call's write; its bytes are kept in case nobody comes for the answer.
    Landed {
        call: u64,
        at: u64,
        len: usize,
        res: Result<usize>,
        bytes: Option<Vec<u8>>,
    },
    /// `None`: whoever had the bytes did not give them back.
    Unwritten {
        bytes: Option<Vec<u8>>,
        at: u64,
        error: Option<Error>,
    },
}

/// A file, between operations.
#[derive(Debug)]
pub(super) struct State {
    kind: FileKind,
    cursor: u64,
    /// How many calls were given a number.
    calls: u64,
    asking: Asking,
    /// A length for whichever poll of a trait comes next (F5).
    aside: Option<Result<u64>>,
    writing: Writing,
    /// What a stream brought and nobody has taken.
    ahead: VecDeque<u8>,
    /// Whether somebody else may go on.
    freed: bool,
}

impl State {
    pub(super) fn new(kind: FileKind, cursor: u64) -> State {
        State {
            kind,
            cursor,
            calls: 0,
            asking: Asking::Idle,
            aside: None,
            writing: Writing::Idle,
            ahead: VecDeque::new(),
            freed: false,
        }
    }

    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// How many bytes only we have.
    pub(super) fn ahead(&self) -> usize {
        self.ahead.len()
    }

    /// Whether a read is under way whose bytes, of a stream, come to us, also if nobody awaits it.
    pub(super) fn is_reading(&self) -> bool {
        matches!(self.asking, Asking::Flying { want: Want::Bytes { .. }, .. })
    }

    /// What was read ahead, or asked for a trait, is not wanted any more.
    pub(super) fn forget_ahead(&mut self) {
        self.forget();
        self.ahead.clear();
    }

    /// Whether somebody who waits may go on, though nothing landed; asked after each move.
    pub(super) fn take_freed(&mut self) -> bool {
        mem::take(&mut self.freed)
    }

    fn is_stream(&self) -> bool {
        self.kind == FileKind::Stream
    }

    // ── asking ──────────────────────────────────────────────────────────────────────────────────

    /// Reads at the cursor. `cached` answers what is at hand.
    pub(super) fn read(
        &mut self,
        whose: &mut Whose,
        buf: &mut [u8],
        cached: impl FnOnce(&mut [u8], u64) -> Option<Result<usize>>,
    ) -> Step<usize> {
        let at = self.cursor;
        match self.fetch(whose, Want::Bytes { at }) {
            Some(Step::Done(Ok((_, bytes)))) => return Step::Done(Ok(self.hand_out(buf, &bytes))),
            Some(Step::Done(Err(error))) => return Step::Done(Err(error)),
            Some(_) => return Step::Wait,
            None => {}
        }
        if let Some(error) = self.tell() {
            return Step::Done(Err(error));
        }
        if !self.ahead.is_empty() {
            return Step::Done(self.ahead.read(buf));
        }
        if !self.is_stream() && self.is_writing() || !self.may_ask() {
            return Step::Wait;
        }
        if !self.is_stream() {
            // No bytes is never believed: the end is asked for again.
            if let Some(Ok(n @ 1..)) = cached(buf, at) {
                let n = n.min(buf.len());
                self.advance(at, n);
                return Step::Done(Ok(n));
            }
        }
        let room = IoBuf::from(Vec::with_capacity(buf.len().min(JOB_MAX)));
        let op = match self.kind {
            FileKind::Stream => FileOp::Read { buf: room },
            _ => FileOp::ReadAt { buf: room, at },
        };
        self.ask(whose, Want::Bytes { at }, op)
    }

    /// Moves the cursor; answers where it is. (A stream's is the system's.)
    pub(super) fn seek(&mut self, whose: &mut Whose, to: SeekFrom) -> Step<u64> {
        let moved = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.cursor.checked_add_signed(by),
            SeekFrom::End(by) => match self.len(whose) {
                Step::Done(Ok(len)) => len.checked_add_signed(by),
                other => return other,
            },
        };
        if self.is_writing() || self.is_asked_by_a_call() {
            return Step::Wait;
        }
        if let Some(error) = self.tell() {
            return Step::Done(Err(error));
        }
        // The system's offsets have a sign.
        let Some(at) = moved.filter(|at| i64::try_from(*at).is_ok()) else {
            return Step::Done(Err(ErrorKind::InvalidInput.into()));
        };
        self.forget();
        self.cursor = at;
        Step::Done(Ok(at))
    }

    fn len(&mut self, whose: &mut Whose) -> Step<u64> {
        if *whose == Whose::Trait && !self.is_writing() && !self.is_asked_by_a_call() {
            if let Some(res) = self.aside.take() {
                return Step::Done(res);
            }
        }
        match self.fetch(whose, Want::Len) {
            Some(Step::Done(res)) => return Step::Done(res.map(|(len, _)| len)),
            Some(_) => return Step::Wait,
            None => {}
        }
        if let Some(error) = self.tell() {
            return Step::Done(Err(error));
        }
        if self.is_writing() || !self.may_ask() {
            return Step::Wait;
        }
        self.ask(whose, Want::Len, FileOp::Len)
    }

    fn ask<T>(&mut self, whose: &mut Whose, want: Want, op: FileOp) -> Step<T> {
        self.number(whose);
        self.asking = Asking::Flying { whose: *whose, want };
        Step::Start { lane: Lane::Ask, op, then: None }
    }

    /// What landed for `whose`: the answer, or *wait*; `None` if nothing of the kind was asked.
    fn fetch(&mut self, whose: &mut Whose, wanted: Want) -> Option<Step<(u64, Vec<u8>)>> {
        match &self.asking {
            Asking::Flying { whose: w, .. } if w == whose => return Some(Step::Wait),
            // What a call asked is its own; what a trait asked has to be what it asks now (F4).
            Asking::Landed { whose: w, want, .. }
                if w == whose && (*w != Whose::Trait || *want == wanted) => {}
            _ => return None,
        }
        let Asking::Landed { res, bytes, .. } = mem::replace(&mut self.asking, Asking::Idle) else {
            unreachable!("it was just seen");
        };
        self.fetched(whose);
        Some(Step::Done(res.map(|n| (n, bytes))))
    }

    fn hand_out(&mut self, buf: &mut [u8], bytes: &[u8]) -> usize {
        let n = bytes.len().min(buf.len());
        buf[..n].copy_from_slice(&bytes[..n]);
        self.advance(self.cursor, n);
        n
    }

    /// The cursor goes behind `n` bytes at `at`.
    fn advance(&mut self, at: u64, n: usize) {
        self.cursor = at.saturating_add(n as u64);
        self.aside = None;
    }

    /// Whether something can be asked now. What waits for a trait is thrown away.
    fn may_ask(&mut self) -> bool {
        match self.asking {
            Asking::Idle => true,
            Asking::Landed { whose: Whose::Trait | Whose::Nobody, .. } => {
                self.asking = Asking::Idle;
                true
            }
            Asking::Landed { .. } | Asking::Flying { .. } => false,
        }
    }

    fn is_asked_by_a_call(&self) -> bool {
        matches!(
            self.asking,
            Asking::Flying { whose: Whose::Call(_), .. }
                | Asking::Landed { whose: Whose::Call(_), .. }
        )
    }

    /// Forgets what a trait asked (F4).
    fn forget(&mut self) {
        self.aside = None;
        match &mut self.asking {
            Asking::Flying { whose: whose @ Whose::Trait, .. } => *whose = Whose::Nobody,
            _ => _ = self.may_ask(),
        }
    }

    // ── writing ─────────────────────────────────────────────────────────────────────────────────

    /// Writes at the cursor, or at the end. A trait's bytes are taken at once, a call's waited for.
    pub(super) fn write(&mut self, whose: &mut Whose, bytes: &[u8]) -> Step<usize> {
        match &self.writing {
            Writing::Landed { call, .. } if Whose::Call(*call) == *whose => {
                return Step::Done(self.fetch_written(whose));
            }
            Writing::Flying { .. } | Writing::Landed { .. } => return Step::Wait,
            Writing::Unwritten { .. } => return self.try_again(),
            Writing::Idle => {}
        }
        if !self.is_stream() && !self.may_ask() {
            return Step::Wait;
        }
        let (at, n) = (self.cursor, bytes.len().min(JOB_MAX));
        let then = if *whose == Whose::Trait {
            self.take_in(at, n);
            Some(n)
        } else {
            None
        };
        self.number(whose);
        let op = self.launch(*whose, at, bytes[..n].to_vec());
        Step::Start { lane: Lane::Write, op, then }
    }

    /// Waits until nothing flies; tells what went wrong; tries again what is unwritten.
    pub(super) fn flush(&mut self) -> Step<()> {
        match self.writing {
            Writing::Flying { .. } => Step::Wait,
            Writing::Unwritten { .. } => self.try_again(),
            // A call that has landed is told itself.
            Writing::Idle | Writing::Landed { .. } => Step::Done(Ok(())),
        }
    }

    /// Waits until nothing is being written, and tells what went wrong.
    pub(super) fn settle(&mut self) -> Step<()> {
        if self.is_writing() {
            return Step::Wait;
        }
        Step::Done(self.tell().map_or(Ok(()), Err))
    }

    fn is_writing(&self) -> bool {
        matches!(self.writing, Writing::Flying { .. })
    }

    /// An error that nobody was told yet.
    fn tell(&mut self) -> Option<Error> {
        match &mut self.writing {
            Writing::Unwritten { error, .. } => error.take(),
            _ => None,
        }
    }

    /// Tells the error first; then starts the unwritten bytes once more.
    fn try_again<T>(&mut self) -> Step<T> {
        if let Some(error) = self.tell() {
            return Step::Done(Err(error));
        }
        let Writing::Unwritten { bytes, at, .. } = &mut self.writing else { return Step::Wait };
        let (Some(bytes), at) = (bytes.take(), *at) else {
            return Step::Done(Err(lost()));
        };
        let op = self.launch(Whose::Trait, at, bytes);
        Step::Start { lane: Lane::Write, op, then: None }
    }

    fn launch(&mut self, whose: Whose, at: u64, bytes: Vec<u8>) -> FileOp {
        self.writing = Writing::Flying { whose, at, len: bytes.len() };
        let buf = IoBuf::from(bytes);
        match self.kind {
            FileKind::Positional => FileOp::WriteAt { buf, at },
            _ => FileOp::Write { buf },
        }
    }

    /// Bytes are taken, to be written behind: what follows comes after them.
    fn take_in(&mut self, at: u64, n: usize) {
        self.forget();
        if self.kind == FileKind::Positional {
            self.advance(at, n);
        }
    }

    fn fetch_written(&mut self, whose: &mut Whose) -> Result<usize> {
        let Writing::Landed { res, .. } = mem::replace(&mut self.writing, Writing::Idle) else {
            unreachable!("it was just seen");
        };
        self.fetched(whose);
        res
    }

    // ── calls, landings ─────────────────────────────────────────────────────────────────────────

    fn number(&mut self, whose: &mut Whose) {
        if *whose == Whose::Call(0) {
            self.calls += 1;
            *whose = Whose::Call(self.calls);
        }
    }

    /// A call has its answer, and may start the next operation.
    fn fetched(&mut self, whose: &mut Whose) {
        if let Whose::Call(number) = whose {
            *number = 0;
        }
        self.freed = true;
    }

    /// A call was dropped: what it asked for is not handed out, what it wrote goes on.
    pub(super) fn abandon(&mut self, dropped: Whose) {
        match &mut self.asking {
            Asking::Flying { whose, .. } if *whose == dropped => *whose = Whose::Nobody,
            Asking::Landed { whose, .. } if *whose == dropped => self.asking = Asking::Idle,
            _ => {}
        }
        match mem::replace(&mut self.writing, Writing::Idle) {
            Writing::Flying { whose, at, len } if whose == dropped => {
                self.writing = Writing::Flying { whose: Whose::Trait, at, len };
                self.take_in(at, len);
            }
            Writing::Landed { call, at, len, res, bytes } if Whose::Call(call) == dropped => {
                self.inherit(at, len, res, bytes);
            }
            other => self.writing = other,
        }
        self.freed = true;
    }

    /// What a dropped call did not get written counts as taken to be written behind.
    fn inherit(&mut self, at: u64, len: usize, res: Result<usize>, bytes: Option<Vec<u8>>) {
        let (n, error) = match res {
            Ok(n) if n == len => return,
            Ok(n) => (n, bytes.is_none().then(lost)),
            Err(error) => (0, Some(error)),
        };
        let bytes = bytes.map(|mut bytes| bytes.split_off(n.min(bytes.len())));
        let from = at.saturating_add(n as u64);
        self.writing = Writing::Unwritten { bytes, at: from, error };
        // Whoever has moved the cursor since, or is reading at it, goes on from there.
        if self.cursor == from && !self.is_asked_by_a_call() {
            self.take_in(at, len);
        }
    }

    /// An operation has ended. What is answered is to be started next, in the same lane.
    pub(super) fn landed(&mut self, lane: Lane, done: FileDone) -> Option<FileOp> {
        match lane {
            Lane::Ask => {
                self.asked(done);
                None
            }
            Lane::Write => self.wrote(done),
        }
    }

    fn asked(&mut self, done: FileDone) {
        let Asking::Flying { whose, want } = mem::replace(&mut self.asking, Asking::Idle) else {
            return;
        };
        let bytes = done.buf.map(IoBuf::into_vec).filter(|_| done.res.is_ok()).unwrap_or_default();
        if self.is_stream() && !bytes.is_empty() {
            self.ahead.extend(bytes);
        } else if (whose, want) == (Whose::Trait, Want::Len) {
            self.aside = Some(done.res);
        } else if whose != Whose::Nobody {
            self.asking = Asking::Landed { whose, want, res: done.res, bytes };
        }
    }

    fn wrote(&mut self, done: FileDone) -> Option<FileOp> {
        let Writing::Flying { whose, at, len } = mem::replace(&mut self.writing, Writing::Idle)
        else {
            return None;
        };
        let bytes = done.buf.map(IoBuf::into_vec);
        let res = done.res.map(|n| usize::try_from(n).map_or(len, |n| n.min(len)));
        if self.kind == FileKind::Append && res.is_ok() {
            self.advance(done.at.unwrap_or(self.cursor), 0);
        }
        if let Whose::Call(call) = whose {
            if let (FileKind::Positional, Ok(n)) = (self.kind, &res) {
                self.advance(at, *n);
            }
            self.writing = Writing::Landed { call, at, len, res, bytes };
            return None;
        }
        match (res, bytes) {
            (Ok(n), _) if n == len => None,
            (Ok(n @ 1..), Some(mut bytes)) => {
                bytes.drain(..n);
                Some(self.launch(whose, at.saturating_add(n as u64), bytes))
            }
            (Ok(0), bytes) => self.unwritten(bytes, at, ErrorKind::WriteZero.into()),
            (Ok(_), None) => self.unwritten(None, at, lost()),
            (Err(error), bytes) => self.unwritten(bytes, at, error),
        }
    }

    fn unwritten(&mut self, bytes: Option<Vec<u8>>, at: u64, error: Error) -> Option<FileOp> {
        self.writing = Writing::Unwritten { bytes, at, error: Some(error) };
        None
    }
}

fn lost() -> Error {
    Error::other("bytes that were written to this file before are lost")
}

#[cfg(test)]
mod tests;
