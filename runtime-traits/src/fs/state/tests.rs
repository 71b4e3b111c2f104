//! The state by table: what each move answers, without threads and without files.

use super::*;
use std::io::ErrorKind::{StorageFull, WriteZero};
use std::string::{String, ToString};
use std::{format, vec};

/// A state, and the operation that flies in each lane.
struct Desk {
    state: State,
    ask: Option<FileOp>,
    write: Option<FileOp>,
}

/// What a move answered, as text: `wait`, `? op`, `ok …`, `error kind`.
fn said<T: core::fmt::Debug>(desk: &mut Desk, step: Step<T>) -> String {
    match step {
        Step::Done(Ok(value)) => format!("ok {value:?}"),
        Step::Done(Err(error)) => format!("error {:?}", error.kind()),
        Step::Wait => "wait".to_string(),
        Step::Start { lane, op, then } => {
            let text = match &op {
                FileOp::ReadAt { at, .. } => format!("read_at {at}"),
                FileOp::Read { .. } => "read".to_string(),
                FileOp::WriteAt { buf, at } => format!("write_at {at} {}", text(buf.filled())),
                FileOp::Write { buf } => format!("write {}", text(buf.filled())),
                FileOp::Len => "len".to_string(),
                other => format!("{other:?}"),
            };
            let slot = match lane {
                Lane::Ask => &mut desk.ask,
                Lane::Write => &mut desk.write,
            };
            assert!(slot.replace(op).is_none(), "two flights in {lane:?}");
            match then {
                Some(value) => format!("? {text}, ok {value:?}"),
                None => format!("? {text}"),
            }
        }
    }
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap()
}

impl Desk {
    fn new(kind: FileKind) -> Desk {
        Desk { state: State::new(kind, 0), ask: None, write: None }
    }

    fn positional() -> Desk {
        Desk::new(FileKind::Positional)
    }

    fn cached(&mut self, whose: &mut Whose, room: usize, cached: &[u8]) -> String {
        let mut buf = vec![b'-'; room];
        let step = self.state.read(whose, &mut buf, |buf, _| {
            let n = cached.len().min(buf.len());
            buf[..n].copy_from_slice(&cached[..n]);
            Some(Ok(n))
        });
        match step {
            Step::Done(Ok(n)) => format!("ok {}", text(&buf[..n])),
            step => said(self, step),
        }
    }

    fn read(&mut self, whose: &mut Whose, room: usize) -> String {
        self.cached(whose, room, b"")
    }

    fn write(&mut self, whose: &mut Whose, bytes: &str) -> String {
        let step = self.state.write(whose, bytes.as_bytes());
        said(self, step)
    }

    fn flush(&mut self) -> String {
        let step = self.state.flush();
        said(self, step)
    }

    fn settle(&mut self) -> String {
        let step = self.state.settle();
        said(self, step)
    }

    fn seek(&mut self, whose: &mut Whose, to: SeekFrom) -> String {
        let step = self.state.seek(whose, to);
        said(self, step)
    }

    /// What was asked ends with these bytes.
    fn brings(&mut self, bytes: &str) {
        let mut buf = self.ask.take().unwrap().into_buf().unwrap().into_vec();
        buf.extend_from_slice(bytes.as_bytes());
        // The count is wrong on purpose: what lies in the buffer counts (IO-4).
        let done = FileDone::new(Ok(77)).with_buf(IoBuf::from(buf));
        assert!(self.state.landed(Lane::Ask, done).is_none());
    }

    fn answers(&mut self, res: Result<u64>) {
        self.ask.take().unwrap();
        assert!(self.state.landed(Lane::Ask, FileDone::new(res)).is_none());
    }

    /// What is written ends so; the buffer comes back.
    fn written(&mut self, res: Result<u64>) -> String {
        let buf = self.write.take().unwrap().into_buf().unwrap();
        self.land(FileDone::new(res).with_buf(buf))
    }

    fn land(&mut self, done: FileDone) -> String {
        match self.state.landed(Lane::Write, done) {
            Some(op) => said::<()>(self, Step::Start { lane: Lane::Write, op, then: None }),
            None => "-".to_string(),
        }
    }
}

fn call() -> Whose {
    Whose::Call(0)
}

fn full() -> Result<u64> {
    Err(StorageFull.into())
}

/// One line of a table: what was said, and where the cursor is then.
macro_rules! table {
    ($desk:ident: $($said:expr => $expected:literal, $cursor:literal;)*) => {$(
        let said = $said;
        assert_eq!((said.as_str(), $desk.state.cursor()), ($expected, $cursor), stringify!($said));
    )*};
}

#[test]
fn a_read_moves_the_cursor_when_bytes_are_handed_out() {
    let (mut d, mut a) = (Desk::positional(), call());
    table! { d:
        d.cached(&mut a, 4, b"12") => "ok 12", 2;
        d.cached(&mut a, 4, b"") => "? read_at 2", 2;
        d.read(&mut a, 4) => "wait", 2;
    }
    d.brings("3456");
    table! { d:
        d.read(&mut a, 3) => "ok 345", 5;
        d.read(&mut a, 3) => "? read_at 5", 5;
    }
    d.brings("");
    table! { d: d.read(&mut a, 3) => "ok ", 5; }
    assert_eq!(a, call(), "a call that has its answer names nothing");
}

/// FS-5, by a method: the call is dropped before and after the landing.
#[test]
fn a_dropped_read_moves_nothing_and_ends_nothing() {
    for landed_before in [false, true] {
        let (mut d, mut a, mut b) = (Desk::positional(), call(), call());
        table! { d: d.read(&mut a, 4) => "? read_at 0", 0; }
        if landed_before {
            d.brings("");
            d.state.abandon(a);
        } else {
            d.state.abandon(a);
            table! { d: d.read(&mut b, 4) => "wait", 0; }
            d.brings("");
        }
        assert!(d.state.take_freed());
        table! { d:
            d.read(&mut b, 4) => "? read_at 0", 0;
        }
        d.brings("new");
        table! { d: d.read(&mut b, 4) => "ok new", 3; }
    }
}

#[test]
fn a_trait_takes_what_was_read_for_it_unless_the_cursor_moved() {
    let mut t = Whose::Trait;
    let mut d = Desk::positional();
    table! { d: d.read(&mut t, 4) => "? read_at 0", 0; }
    d.brings("1234");
    table! { d:
        d.read(&mut t, 2) => "ok 12", 2;
        d.read(&mut t, 2) => "? read_at 2", 2;
        d.seek(&mut t, SeekFrom::Start(0)) => "ok 0", 0;
        d.read(&mut t, 2) => "wait", 0;
    }
    d.brings("34");
    table! { d: d.read(&mut t, 2) => "? read_at 0", 0; }
    d.brings("12");
    table! { d:
        d.write(&mut t, "x") => "? write_at 0 x, ok 1", 1;
        d.read(&mut t, 2) => "wait", 1;
        d.written(Ok(1)) => "-", 1;
        d.read(&mut t, 2) => "? read_at 1", 1;
    }
}

#[test]
fn a_method_does_not_take_what_was_read_for_a_trait() {
    let (mut d, mut t, mut a) = (Desk::positional(), Whose::Trait, call());
    table! { d:
        d.read(&mut t, 4) => "? read_at 0", 0;
        d.read(&mut a, 4) => "wait", 0;
    }
    d.brings("");
    table! { d: d.read(&mut a, 4) => "? read_at 0", 0; }
    d.brings("new");
    table! { d: d.read(&mut a, 4) => "ok new", 3; }
}

#[test]
fn one_call_at_a_time_is_at_the_cursor() {
    let (mut d, mut a, mut b) = (Desk::positional(), call(), call());
    table! { d:
        d.read(&mut a, 2) => "? read_at 0", 0;
        d.write(&mut b, "x") => "wait", 0;
        d.seek(&mut b, SeekFrom::Start(9)) => "wait", 0;
    }
    d.brings("12");
    table! { d:
        // It has landed, and is not handed out yet.
        d.write(&mut b, "x") => "wait", 0;
        d.cached(&mut b, 2, b"no") => "wait", 0;
        d.read(&mut a, 2) => "ok 12", 2;
    }
    assert!(d.state.take_freed(), "the others are asked to come again");
    table! { d:
        d.write(&mut b, "x") => "? write_at 2 x", 2;
        d.cached(&mut a, 2, b"no") => "wait", 2;
        d.write(&mut a, "y") => "wait", 2;
        d.written(Ok(1)) => "-", 3;
        d.write(&mut a, "y") => "wait", 3;
        d.write(&mut b, "x") => "ok 1", 3;
        d.write(&mut a, "y") => "? write_at 3 y", 3;
    }
}

#[test]
fn a_method_is_told_its_own_error_and_the_bytes_stay_with_it() {
    let (mut d, mut a) = (Desk::positional(), call());
    table! { d:
        d.write(&mut a, "abc") => "? write_at 0 abc", 0;
        d.flush() => "wait", 0;
        d.written(full()) => "-", 0;
        d.flush() => "ok ()", 0;
        d.write(&mut a, "abc") => "error StorageFull", 0;
        d.flush() => "ok ()", 0;
        d.write(&mut a, "abc") => "? write_at 0 abc", 0;
        d.written(Ok(2)) => "-", 2;
        d.write(&mut a, "abc") => "ok 2", 2;
    }
}

/// What a dropped call was writing is written behind.
#[test]
fn a_dropped_write_goes_on_and_is_not_lost() {
    let (mut d, mut a) = (Desk::positional(), call());
    table! { d: d.write(&mut a, "abc") => "? write_at 0 abc", 0; }
    d.state.abandon(a);
    table! { d:
        d.flush() => "wait", 3;
        d.written(Ok(1)) => "? write_at 1 bc", 3;
        d.written(full()) => "-", 3;
        d.flush() => "error StorageFull", 3;
        d.flush() => "? write_at 1 bc", 3;
        d.written(Ok(2)) => "-", 3;
        d.flush() => "ok ()", 3;
    }
    let mut a = call();
    table! { d:
        d.write(&mut a, "de") => "? write_at 3 de", 3;
        d.written(full()) => "-", 3;
    }
    // It had failed, and nobody came for the error: its bytes are taken now, and what follows comes
    // behind them.
    d.state.abandon(a);
    let mut b = call();
    table! { d:
        d.settle() => "error StorageFull", 5;
        d.write(&mut b, "f") => "? write_at 3 de", 5;
        d.written(Ok(2)) => "-", 5;
        d.write(&mut b, "f") => "? write_at 5 f", 5;
        d.written(Ok(1)) => "-", 6;
    }
}

/// As a write behind: what a dropped call did not get written is not thrown away.
#[test]
fn the_rest_of_a_dropped_write_that_fell_short_is_written() {
    let (mut d, mut a, mut b) = (Desk::positional(), call(), call());
    table! { d:
        d.write(&mut a, "abc") => "? write_at 0 abc", 0;
        d.written(Ok(1)) => "-", 1;
    }
    d.state.abandon(a);
    table! { d:
        d.flush() => "? write_at 1 bc", 3;
        d.written(Ok(2)) => "-", 3;
        d.flush() => "ok ()", 3;
        d.write(&mut b, "d") => "? write_at 3 d", 3;
        d.written(Ok(1)) => "-", 4;
    }
    d.state.abandon(b);
    table! { d: d.flush() => "ok ()", 4; }

    let (mut d, mut a) = (Desk::new(FileKind::Stream), call());
    table! { d:
        d.write(&mut a, "abc") => "? write abc", 0;
        d.written(Ok(1)) => "-", 0;
    }
    d.state.abandon(a);
    table! { d:
        d.flush() => "? write bc", 0;
        d.written(Ok(2)) => "-", 0;
        d.flush() => "ok ()", 0;
    }
}

#[test]
fn the_rest_of_a_dropped_write_that_does_not_come_back_is_never_a_flush() {
    let (mut d, mut a) = (Desk::positional(), call());
    _ = d.write(&mut a, "abc");
    d.write = None;
    assert_eq!(d.land(FileDone::new(Ok(1))), "-");
    d.state.abandon(a);
    for _ in 0..3 {
        assert_eq!(d.flush(), "error Other");
    }
}

/// Between landing and drop others may go on: what they were told of the cursor stays true.
#[test]
fn a_dropped_write_moves_no_cursor_that_others_have_moved() {
    let (mut d, mut a, mut b) = (Desk::positional(), call(), call());
    table! { d:
        d.write(&mut a, "abc") => "? write_at 0 abc", 0;
        d.written(full()) => "-", 0;
        d.seek(&mut b, SeekFrom::Start(9)) => "ok 9", 9;
    }
    d.state.abandon(a);
    table! { d:
        d.settle() => "error StorageFull", 9;
        d.flush() => "? write_at 0 abc", 9;
    }

    let (mut d, mut a) = (Desk::positional(), call());
    table! { d:
        d.write(&mut a, "abc") => "? write_at 0 abc", 0;
        d.written(Ok(1)) => "-", 1;
        d.read(&mut b, 2) => "? read_at 1", 1;
    }
    d.state.abandon(a);
    d.brings("xy");
    table! { d:
        d.read(&mut b, 2) => "ok xy", 3;
        d.flush() => "? write_at 1 bc", 3;
    }
}

/// FS-2: the error is told by whichever operation is next, and no flush is `Ok` until the bytes are
/// written.
#[test]
fn what_is_written_behind_is_written_or_told() {
    let mut t = Whose::Trait;
    type Next = fn(&mut Desk) -> String;
    let next: [Next; 6] = [
        |d| d.flush(),
        |d| d.settle(),
        |d| d.read(&mut call(), 1),
        |d| d.write(&mut Whose::Trait, "z"),
        |d| d.seek(&mut call(), SeekFrom::Start(0)),
        |d| d.seek(&mut call(), SeekFrom::End(0)),
    ];
    for tells in next {
        let mut d = Desk::positional();
        table! { d:
            d.write(&mut t, "abc") => "? write_at 0 abc, ok 3", 3;
            d.write(&mut t, "def") => "wait", 3;
            d.written(full()) => "-", 3;
            tells(&mut d) => "error StorageFull", 3;
            d.flush() => "? write_at 0 abc", 3;
            d.flush() => "wait", 3;
            d.written(full()) => "-", 3;
            d.flush() => "error StorageFull", 3;
            d.settle() => "ok ()", 3;
            d.write(&mut t, "def") => "? write_at 0 abc", 3;
            d.write(&mut t, "def") => "wait", 3;
            d.written(Ok(3)) => "-", 3;
            d.write(&mut t, "def") => "? write_at 3 def, ok 3", 6;
            d.written(Ok(0)) => "-", 6;
        }
        let error = d.state.tell().unwrap();
        assert_eq!(error.kind(), WriteZero);
        table! { d:
            d.flush() => "? write_at 3 def", 6;
            d.written(Ok(99)) => "-", 6;
            d.flush() => "ok ()", 6;
        }
    }
}

#[test]
fn bytes_that_do_not_come_back_are_never_a_flush() {
    let (mut d, mut t) = (Desk::positional(), Whose::Trait);
    for res in [full(), Ok(1)] {
        d = Desk::positional();
        _ = d.write(&mut t, "abc");
        d.write = None;
        assert_eq!(d.land(FileDone::new(res)), "-");
        assert!(d.flush().starts_with("error"));
        for _ in 0..3 {
            assert_eq!(d.flush(), "error Other");
            assert_eq!(d.write(&mut t, "def"), "error Other");
        }
        assert_eq!(d.settle(), "ok ()");
    }
    assert_eq!(d.state.cursor(), 3);
}

#[test]
fn seeking_is_std_s() {
    let (mut d, mut a) = (Desk::positional(), call());
    table! { d:
        d.seek(&mut a, SeekFrom::Start(7)) => "ok 7", 7;
        d.seek(&mut a, SeekFrom::Current(-2)) => "ok 5", 5;
        d.seek(&mut a, SeekFrom::Current(-6)) => "error InvalidInput", 5;
        d.seek(&mut a, SeekFrom::Current(i64::MAX)) => "error InvalidInput", 5;
        d.seek(&mut a, SeekFrom::Start(u64::MAX)) => "error InvalidInput", 5;
        d.seek(&mut a, SeekFrom::Start(i64::MAX as u64)) => "ok 9223372036854775807", 9223372036854775807;
        d.seek(&mut a, SeekFrom::End(-1)) => "? len", 9223372036854775807;
        d.seek(&mut a, SeekFrom::End(-1)) => "wait", 9223372036854775807;
    }
    d.answers(Ok(10));
    table! { d:
        d.seek(&mut a, SeekFrom::End(-1)) => "ok 9", 9;
        d.seek(&mut a, SeekFrom::End(-11)) => "? len", 9;
    }
    d.answers(Ok(10));
    table! { d: d.seek(&mut a, SeekFrom::End(-11)) => "error InvalidInput", 9; }
}

#[test]
fn a_trait_that_seeks_and_reads_by_turns_gets_what_it_asks_now() {
    let (mut d, mut t) = (Desk::positional(), Whose::Trait);
    table! { d:
        d.seek(&mut t, SeekFrom::End(0)) => "? len", 0;
        d.read(&mut t, 2) => "wait", 0;
    }
    d.answers(Ok(5));
    table! { d: d.read(&mut t, 2) => "? read_at 0", 0; }
    d.brings("12");
    table! { d:
        d.read(&mut t, 2) => "ok 12", 2;
        // The length is forgotten: the cursor moved.
        d.seek(&mut t, SeekFrom::End(0)) => "? len", 2;
    }
    d.answers(full());
    table! { d:
        d.seek(&mut t, SeekFrom::End(0)) => "error StorageFull", 2;
        d.seek(&mut t, SeekFrom::End(0)) => "? len", 2;
    }
}

/// F5: two tasks poll one file, and whoever polls first is always the one whose answer is not there.
#[test]
fn two_that_read_and_seek_by_polls_both_get_on() {
    let (mut d, mut t) = (Desk::positional(), Whose::Trait);
    table! { d:
        d.read(&mut t, 2) => "? read_at 0", 0;
        d.seek(&mut t, SeekFrom::End(-1)) => "wait", 0;
    }
    d.brings("12");
    table! { d:
        d.seek(&mut t, SeekFrom::End(-1)) => "? len", 0;
        d.read(&mut t, 2) => "wait", 0;
    }
    d.answers(Ok(5));
    table! { d:
        d.read(&mut t, 2) => "? read_at 0", 0;
        d.seek(&mut t, SeekFrom::End(-1)) => "ok 4", 4;
        d.read(&mut t, 2) => "wait", 4;
    }
    d.brings("12");
    table! { d: d.read(&mut t, 2) => "? read_at 4", 4; }
    d.brings("5");
    table! { d: d.read(&mut t, 2) => "ok 5", 5; }
}

/// What a call has under way at the cursor comes before a seek; the length that lies aside waits too.
#[test]
fn a_length_for_a_trait_waits_for_calls_and_is_not_older_than_their_end() {
    let (mut d, mut t, mut a) = (Desk::positional(), Whose::Trait, call());
    table! { d: d.seek(&mut t, SeekFrom::End(0)) => "? len", 0; }
    d.answers(Ok(5));
    table! { d:
        d.read(&mut a, 2) => "? read_at 0", 0;
        d.seek(&mut t, SeekFrom::End(0)) => "wait", 0;
    }
    d.brings("12");
    table! { d:
        d.seek(&mut t, SeekFrom::End(0)) => "wait", 0;
        d.read(&mut a, 2) => "ok 12", 2;
        d.seek(&mut t, SeekFrom::End(0)) => "? len", 2;
    }
    d.answers(Ok(5));
    table! { d:
        d.write(&mut a, "x") => "? write_at 2 x", 2;
        d.seek(&mut t, SeekFrom::End(0)) => "wait", 2;
        d.written(Ok(1)) => "-", 3;
        d.seek(&mut t, SeekFrom::End(0)) => "? len", 3;
    }
}

#[test]
fn a_file_that_appends_asks_where_it_stands() {
    let (mut d, mut t, mut a) = (Desk::new(FileKind::Append), Whose::Trait, call());
    table! { d: d.write(&mut t, "abc") => "? write abc, ok 3", 0; }
    let buf = d.write.take().unwrap().into_buf().unwrap();
    table! { d:
        d.land(FileDone::new(Ok(3)).with_buf(buf).with_at(103)) => "-", 103;
        d.read(&mut a, 2) => "? read_at 103", 103;
        d.write(&mut t, "de") => "wait", 103;
    }
}

/// Wherever the system's cursor is then: nothing was appended.
#[test]
fn an_append_that_failed_moves_no_cursor() {
    for mut who in [Whose::Trait, call()] {
        let mut d = Desk::new(FileKind::Append);
        table! { d: d.seek(&mut who, SeekFrom::Start(7)) => "ok 7", 7; }
        _ = d.write(&mut who, "abc");
        let buf = d.write.take().unwrap().into_buf().unwrap();
        table! { d:
            d.land(FileDone::new(full()).with_buf(buf).with_at(0)) => "-", 7;
            d.write(&mut who, "abc") => "error StorageFull", 7;
        }
    }
}

#[test]
fn a_stream_keeps_what_a_dropped_read_brought() {
    let mut d = Desk::new(FileKind::Stream);
    let (mut a, mut b) = (call(), call());
    table! { d: d.read(&mut a, 4) => "? read", 0; }
    d.state.abandon(a);
    table! { d: d.read(&mut b, 2) => "wait", 0; }
    assert!(d.state.is_reading(), "in nobody's name");
    d.brings("1234");
    assert!(!d.state.is_reading());
    table! { d:
        d.read(&mut b, 2) => "ok 12", 0;
        d.read(&mut Whose::Trait, 9) => "ok 34", 0;
        d.read(&mut b, 2) => "? read", 0;
    }
    // The end that nobody awaited is asked for again.
    d.state.abandon(b);
    d.brings("");
    let mut c = call();
    table! { d: d.read(&mut c, 2) => "? read", 0; }
    d.brings("");
    table! { d: d.read(&mut c, 2) => "ok ", 0; }
}

#[test]
fn a_stream_is_written_while_it_is_read() {
    let mut d = Desk::new(FileKind::Stream);
    let (mut a, mut b) = (call(), call());
    table! { d:
        d.read(&mut a, 4) => "? read", 0;
        d.write(&mut b, "ab") => "? write ab", 0;
        d.written(Ok(2)) => "-", 0;
        d.write(&mut b, "ab") => "ok 2", 0;
        d.read(&mut a, 4) => "wait", 0;
    }
}

/// No order of drops and landings leaves anybody waiting for nothing: after all has landed, a new call
/// gets its turn.
#[test]
fn whatever_was_dropped_the_next_call_gets_its_turn() {
    for script in 0..4_u32.pow(6) {
        let mut d = Desk::positional();
        let mut calls = [call(), call()];
        for step in 0..6 {
            match (script / 4_u32.pow(step)) % 4 {
                0 => _ = d.read(&mut calls[0], 2),
                1 => _ = d.write(&mut calls[1], "ab"),
                2 => {
                    if d.ask.is_some() {
                        d.brings("12");
                    }
                    if d.write.is_some() {
                        d.written(if step % 2 == 0 { full() } else { Ok(1) });
                    }
                }
                _ => {
                    for call in &mut calls {
                        if *call != Whose::Call(0) {
                            d.state.abandon(*call);
                            *call = Whose::Call(0);
                        }
                    }
                }
            }
        }
        calls.iter().filter(|c| **c != call()).for_each(|c| d.state.abandon(*c));
        let mut last = call();
        let mut turn = String::new();
        for _ in 0..6 {
            if d.ask.is_some() {
                d.brings("12");
            }
            while d.write.is_some() {
                d.written(Ok(1));
            }
            turn = d.read(&mut last, 2);
            if turn == "ok 12" {
                break;
            }
        }
        assert_eq!(turn, "ok 12", "script {script:o}");
    }
}
