//! The workloads. Each is written once, against [`Api`], and measures itself.

use std::str::FromStr;
use std::time::Instant;

use cpu_time::ProcessTime;

use crate::api::{Api, LocalApi};
use crate::subject::Subject;

mod children;
mod echo;
mod file;
mod local;
mod neutral;
mod spawn;
mod unblock;
mod wake;
mod yields;

/// Something that a task does, with a stopwatch in its hand.
pub(crate) trait Workload: Send + 'static {
    fn run<A: Api>(self) -> impl Future<Output = Sample> + Send + 'static;
}

/// The same on one thread, with tasks that stay there.
pub(crate) trait LocalWorkload: 'static {
    fn run<A: LocalApi>(self) -> impl Future<Output = Sample> + 'static;
}

/// One measurement: what is compared, and a second figure that is printed beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub(crate) main: f64,
    pub(crate) side: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    SpawnMany,
    YieldMany,
    RemoteWake,
    TcpEcho,
    SpawnLocal,
    UnblockBurst,
    FileRead,
    Children,
}

use Kind::*;

impl Kind {
    pub(crate) const ALL: [Kind; 8] =
        [SpawnMany, YieldMany, RemoteWake, TcpEcho, SpawnLocal, UnblockBurst, FileRead, Children];

    pub(crate) fn name(self) -> &'static str {
        match self {
            SpawnMany => "spawn_many",
            YieldMany => "yield_many",
            RemoteWake => "remote_wake",
            TcpEcho => "tcp_echo",
            SpawnLocal => "spawn_local",
            UnblockBurst => "unblock_burst",
            FileRead => "file_read",
            Children => "children",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The names of a sample's figures.
    pub(crate) fn figures(self) -> [&'static str; 2] {
        match self {
            SpawnMany => ["ns/task", "cpu ns/task"],
            YieldMany => ["ns/yield", "cpu ns/yield"],
            RemoteWake => ["p50 µs", "cpu µs/trip"],
            TcpEcho => ["cpu s/1M", "requests/s"],
            SpawnLocal => ["ns/task", "cpu ns/task"],
            UnblockBurst => ["µs/closure", "cpu µs/closure"],
            FileRead => ["µs/MiB", "cpu µs/MiB"],
            Children => ["µs/child", "cpu µs/child"],
        }
    }

    /// Whether this subject is measured in it.
    pub(crate) fn has(self, subject: Subject) -> bool {
        match self {
            SpawnMany | YieldMany => true,
            SpawnLocal => subject.has_local_tasks(),
            _ => !subject.is_current_thread(),
        }
    }

    /// How often the workload is repeated in one measurement.
    pub(crate) fn size(self, quick: bool) -> usize {
        let (full, quick_size) = match self {
            SpawnMany => (60, 15),
            YieldMany => (40, 10),
            RemoteWake => (4_000, 1_000),
            TcpEcho => (4_000, 1_000),
            SpawnLocal => (60, 15),
            UnblockBurst => (30, 8),
            FileRead => (12, 4),
            Children => (4, 1),
        };
        if quick { quick_size } else { full }
    }

    /// How many operations one repetition has, if it uses no other process or thread.
    pub(crate) fn operations(self) -> Option<usize> {
        match self {
            SpawnMany => Some(spawn::TASKS),
            YieldMany => Some(yields::TASKS * yields::YIELDS),
            SpawnLocal => Some(local::TASKS),
            RemoteWake | TcpEcho | UnblockBurst | FileRead | Children => None,
        }
    }

    /// Measures, in this process.
    pub(crate) fn measure(self, subject: Subject, workers: usize, size: usize) -> Sample {
        match self {
            SpawnMany => subject.run(workers, spawn::SpawnMany { batches: size }),
            YieldMany => subject.run(workers, yields::YieldMany { batches: size }),
            RemoteWake => subject.run(workers, wake::RemoteWake { trips: size }),
            TcpEcho => subject.run(workers, echo::TcpEcho { requests: size }),
            SpawnLocal => subject.run_local(workers, local::SpawnLocal { batches: size }),
            UnblockBurst => subject.run(workers, unblock::UnblockBurst { bursts: size }),
            FileRead => subject.run(workers, file::FileRead { times: size }),
            Children => subject.run(workers, children::Children { batches: size }),
        }
    }
}

/// Wall time, and the processor time of the whole process, user and system.
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: ProcessTime,
}

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch { wall: Instant::now(), cpu: ProcessTime::now() }
    }

    pub(crate) fn wall_seconds(&self) -> f64 {
        self.wall.elapsed().as_secs_f64()
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.cpu.elapsed().as_secs_f64()
    }
}

impl FromStr for Sample {
    type Err = String;

    /// Reads what [`Display`](std::fmt::Display) wrote.
    fn from_str(line: &str) -> Result<Sample, String> {
        let mut figures = line.split_whitespace().map(str::parse);
        match (figures.next(), figures.next(), figures.next()) {
            (Some(Ok(main)), Some(Ok(side)), None) => Ok(Sample { main, side }),
            _ => Err(format!("`{line}` is not a measurement")),
        }
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.main, self.side)
    }
}
