//! What the kernel knows about this process: an oracle that no runtime can talk round.
//!
//! Descriptors and threads come from `/proc`; on a system without it the answers are empty, and what
//! is compared with them always agrees.

use std::fs;
use std::io;
use std::path::PathBuf;

/// The open descriptors of this process and what each leads to, by number.
pub fn descriptors() -> Vec<(u32, String)> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let described = entries.filter_map(|entry| {
        let number = entry.file_name().to_string_lossy().parse().ok()?;
        // The one that reads this directory is closed before anybody looks.
        let to = fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
        (!to.starts_with("/proc/")).then_some((number, to))
    });
    let mut described: Vec<_> = described.collect();
    described.sort();
    described
}

/// One thread of this process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thread {
    /// Its number.
    pub id: u32,
    /// Its name, the first fifteen bytes.
    pub name: String,
    /// `R` running, `S` asleep, …
    pub state: char,
    /// Where in the kernel it waits, if that is known.
    pub waits_in: String,
}

/// The threads of this process, by number.
pub fn threads() -> Vec<Thread> {
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut threads: Vec<_> = entries.filter_map(|entry| thread(entry.path())).collect();
    threads.sort();
    threads
}

fn thread(place: PathBuf) -> Option<Thread> {
    let stat = fs::read_to_string(place.join("stat")).ok()?;
    let (id, rest) = stat.split_once(" (")?;
    // A name may contain brackets; the last one is ours.
    let (name, rest) = rest.rsplit_once(") ")?;
    let waits_in = fs::read_to_string(place.join("wchan")).unwrap_or_default();
    Some(Thread {
        id: id.parse().ok()?,
        name: name.to_owned(),
        state: rest.chars().next()?,
        waits_in: if waits_in == "0" { String::new() } else { waits_in },
    })
}

/// What each thread does, in words: for the verdict of a hang.
pub fn thread_states() -> Vec<String> {
    let word = |state| match state {
        'R' => "runs",
        'S' => "waits",
        'D' => "waits for a device",
        'T' | 't' => "is stopped",
        'Z' => "has ended",
        _ => "is somewhere",
    };
    let say = |thread: Thread| {
        let place = if thread.waits_in.is_empty() { "" } else { " in " };
        format!("{} {}{place}{}", thread.name, word(thread.state), thread.waits_in)
    };
    threads().into_iter().map(say).collect()
}

/// How often the threads of this process went to sleep by themselves, so far. A witness for parks.
pub fn voluntary_switches() -> u64 {
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |place: PathBuf| {
        let status = fs::read_to_string(place.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    entries.filter_map(|entry| of(entry.path())).sum()
}

/// How often one thread of this process went to sleep by itself, so far.
pub fn voluntary_switches_of(thread: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

/// The number of the calling thread, as in [`threads`].
///
/// # Errors
///
/// There is no `/proc`.
pub fn this_thread() -> io::Result<u32> {
    let link = fs::read_link("/proc/thread-self")?;
    let number = link.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    number.ok_or_else(|| io::Error::other("/proc/thread-self is no link to a thread"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_descriptor_until_it_is_closed() {
        let path = std::env::current_exe().unwrap();
        let ours = || descriptors().iter().filter(|(_, to)| to.contains("runtime_conf")).count();
        let before = ours();
        let file = fs::File::open(path).unwrap();
        assert_eq!(ours(), before + 1);
        drop(file);
        assert_eq!(ours(), before);
    }

    #[test]
    fn this_thread_is_among_the_threads() {
        let me = this_thread().unwrap();
        assert!(threads().iter().any(|thread| thread.id == me && thread.state == 'R'));
    }
}
