//! Files.
//!
//! | file | asks |
//! |---|---|
//! | `blocked` | FS-1: threads that poll tasks go on |
//! | `told` | FS-2: what was written is there, or its failure is told |
//! | `dropped` | FS-3 and FS-5: operations that are given up |
//! | `alike`, `alike_paths` | FS-4: the same as std |
//!
//! `place` is a directory for a case. There are no calls to be replaced: mutants answer the hook.
#![cfg_attr(not(any(unix, windows)), allow(dead_code, reason = "no files"))]

#[cfg(any(unix, windows))]
mod alike;
#[cfg(any(unix, windows))]
mod alike_paths;
#[cfg(unix)]
mod blocked;
#[cfg(any(unix, windows))]
mod dropped;
#[cfg(any(unix, windows))]
pub(crate) mod place;
#[cfg(any(unix, windows))]
mod told;

use crate::case::{Case, Untested};

#[cfg(any(unix, windows))]
pub(crate) const CASES: &[Case] = &[
    #[cfg(unix)]
    Case::new("FS-1", blocked::fs_1_opening_stalls_nobody)
        .part("opening", "do tasks go on while files are opened that cannot be yet?"),
    #[cfg(unix)]
    Case::new("FS-1", blocked::fs_1_reading_stalls_nobody)
        .part("reading", "do tasks go on while files are read that have nothing yet?"),
    #[cfg(unix)]
    Case::new("FS-1", blocked::fs_1_writing_stalls_nobody)
        .part("writing", "do tasks go on while files are written that are full?"),
    Case::new("FS-2", told::fs_2_what_was_flushed_is_there)
        .part("there", "is what was flushed there for everybody?"),
    #[cfg(target_os = "linux")]
    Case::new("FS-2", told::fs_2_a_full_device_is_told)
        .part("full", "is a write that failed told, and no flush Ok after it?"),
    #[cfg(target_os = "linux")]
    Case::new("FS-2", told::fs_2_what_is_tried_again_arrives)
        .part("again", "is a flush Ok only when what had failed has arrived?"),
    Case::new("FS-3", dropped::fs_3_a_dropped_operation_leaves_a_file_that_works)
        .part("dropped", "does a file work after an operation on it was dropped?"),
    Case::new("FS-3", dropped::fs_3_the_end_leaves_a_file_that_answers)
        .part("ended", "does a file answer when its runtime has ended?"),
    Case::new("FS-4", alike::fs_4_a_script_does_what_it_does_with_std)
        .part("script", "do operations on files give what they give with std?"),
    Case::new("FS-4", alike::fs_4_options_mean_what_they_mean_to_std)
        .part("options", "do options for opening mean what they mean to std?"),
    Case::new("FS-4", alike_paths::fs_4_paths_are_what_they_are_to_std)
        .part("paths", "do functions on paths give what they give with std?"),
    Case::new("FS-5", dropped::fs_5_a_dropped_read_moves_nothing)
        .part("cursor", "does a dropped read move no cursor and make no end?"),
    #[cfg(unix)]
    Case::new("FS-5", dropped::fs_5_a_dropped_read_of_a_stream_loses_nothing)
        .part("stream", "does a dropped read of a stream leave its bytes to the next?"),
];

#[cfg(not(any(unix, windows)))]
pub(crate) const CASES: &[Case] = &[];

pub(crate) const UNTESTED: &[Untested] = &[];
