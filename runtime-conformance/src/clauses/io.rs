//! The I/O traits on streams, and the functions over them.
//!
//! `kinds` makes a stream of each kind, which mutants dress; then one file for each question.

#[cfg(unix)]
mod contents;
#[cfg(unix)]
mod ends;
#[cfg(unix)]
mod helpers;
#[cfg(unix)]
pub mod kinds;
#[cfg(unix)]
mod memory;
#[cfg(unix)]
mod owned;
#[cfg(unix)]
mod split;
#[cfg(unix)]
mod unblocked;
#[cfg(unix)]
mod waiting;

#[cfg(unix)]
use crate::Cap;
use crate::case::{Case, Untested};

#[cfg(unix)]
pub(crate) const CASES: &[Case] = &[
    Case::new("IO-1", ends::io_1_zero_means_the_end_and_stays_so).needs(STREAMS),
    Case::new("IO-2", contents::io_2_empty_buffers_change_nothing).needs(STREAMS),
    Case::new("IO-3", waiting::io_3_a_pending_read_is_woken)
        .part("reading", "is a pending read woken, having taken nothing?")
        .needs(STREAMS),
    Case::new("IO-3", waiting::io_3_a_pending_write_is_woken)
        .part("writing", "is a pending write woken, having sent nothing?")
        .needs(STREAMS),
    Case::new("IO-4", contents::io_4_reads_report_what_fits).needs(STREAMS),
    Case::new("IO-4", helpers::io_4_liars_are_found_out)
        .part("liars", "do functions over streams stay sound with streams that lie?"),
    Case::new("IO-5", contents::io_5_writes_report_what_was_taken).needs(STREAMS),
    Case::new("IO-5", helpers::io_5_helpers_loop_and_notice_zero).part(
        "helpers",
        "do functions over streams go on after short writes, and fail after none?",
    ),
    Case::new("IO-6", ends::io_6_closing_sends_everything_and_ends).needs(STREAMS),
    Case::new("IO-7", contents::io_7_gathered_writes_are_the_concatenation)
        .part("writing", "is a gathered write one of the concatenation?")
        .needs(STREAMS),
    Case::new("IO-7", contents::io_7_scattered_reads_are_the_concatenation)
        .part("reading", "is a scattered read one into the concatenation?")
        .needs(STREAMS),
    Case::new("IO-8", waiting::io_8_would_block_and_interrupted_stay_inside).needs(&[
        Cap::Io,
        Cap::Tcp,
        Cap::Iso,
    ]),
    Case::new("IO-9", split::io_9_halves_go_on_by_themselves).needs(STREAMS),
    Case::new("IO-9", split::io_9_dropping_a_half_does_what_is_written)
        .part("dropped", "does dropping a half do what its page says, and no more?")
        .needs(STREAMS),
    Case::new("IO-9", split::io_9_only_halves_of_one_stream_are_reunited)
        .part("reunited", "are halves reunited only if they are of one stream?")
        .needs(STREAMS),
    Case::new("IO-10", owned::io_10_the_buffer_comes_back)
        .part("returned", "does the buffer come back: done, failed and cancelled?")
        .needs(STREAMS),
    Case::new("IO-10", owned::io_10_a_dropped_operation_writes_nowhere)
        .part("dropped", "does an operation that was dropped leave memory alone?")
        .needs(&[Cap::Own, Cap::Tcp]),
    Case::new("IO-10", owned::io_10_the_end_frees_nothing_in_flight)
        .part("ended", "does what is in flight at the end come back, and leave memory alone?")
        .needs(&[Cap::Own, Cap::Tcp]),
    Case::new("IO-11", memory::io_11_bytes_arrive_once_and_in_order)
        .part("duplex", "do bytes arrive once and in order, both ways at once?"),
    Case::new("IO-11", memory::io_11_ends_are_ends)
        .part("ends", "is an end that goes the end for the other, after its last byte?"),
    Case::new("IO-11", memory::io_11_both_ways_and_both_ends_are_passed_on)
        .part("proxy", "does a proxy pass on both ways, and both ends?"),
    Case::new("IO-12", unblocked::io_12_bytes_are_written_in_order)
        .part("written", "is what was accepted written, once and in order?"),
    Case::new("IO-12", unblocked::io_12_a_failure_is_told)
        .part("told", "is a failure told, and no flush Ok while bytes are missing?"),
    Case::new("IO-12", unblocked::io_12_bytes_are_read_in_order)
        .part("read", "is what a dropped read left there for the next?"),
];

/// What streams of all kinds need; those over descriptors are left out without `fd`.
#[cfg(unix)]
const STREAMS: &[Cap] = &[Cap::Io, Cap::Tcp];

#[cfg(not(unix))]
pub(crate) const CASES: &[Case] = &[];

pub(crate) const UNTESTED: &[Untested] = &[];
