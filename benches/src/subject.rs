//! What is measured: a runtime, and the interface it is used through.
//!
//! Each subject has two workers, except the current-thread ones. The workload is a *task* in every
//! one of them, so that what it spawns and wakes comes from a worker.

use std::future::pending;
use std::thread;

use crate::api::{self, Api, Finished, LocalApi, SMOL, Traits};
use crate::workload::{LocalWorkload, Sample, Workload};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// tokio through its own interface, multi-thread.
    Tokio,
    /// The same once more. Its ratio to the first is the noise of the run.
    Control,
    /// tokio through `runtime_traits`.
    RuntimeTokio,
    /// Our runtime through `runtime_traits`, work-stealing.
    RuntimeDefault,
    /// smol through its own interface: one `Executor`, run by two threads that `block_on` it. That
    /// is what `SMOL_THREADS=2` makes of its global executor.
    Smol,
    /// smol through `runtime_traits`.
    RuntimeSmol,
    /// tokio, current-thread.
    TokioCt,
    /// Ours, current-thread.
    DefaultCt,
}

use Subject::*;

impl Subject {
    /// In the order of the tables.
    pub(crate) const ALL: [Subject; 8] =
        [Tokio, Control, RuntimeTokio, RuntimeDefault, Smol, RuntimeSmol, TokioCt, DefaultCt];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Tokio => "tokio",
            Control => "tokio (again)",
            RuntimeTokio => "runtime-tokio",
            RuntimeDefault => "runtime-default",
            Smol => "smol",
            RuntimeSmol => "runtime-smol",
            TokioCt => "tokio-ct",
            DefaultCt => "default-ct",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Subject> {
        Subject::ALL.into_iter().find(|subject| subject.name() == name)
    }

    /// The runtime beneath, used directly: what the interface costs is the ratio to it.
    pub(crate) fn native(self) -> Option<Subject> {
        match self {
            RuntimeTokio => Some(Tokio),
            RuntimeSmol => Some(Smol),
            _ => None,
        }
    }

    /// Polls tasks on the thread inside `block_on`. Printed, and compared by no gate.
    pub(crate) fn is_current_thread(self) -> bool {
        matches!(self, TokioCt | DefaultCt)
    }

    /// Whether the thread inside `block_on` has local tasks; tokio's are those of a `LocalSet`.
    pub(crate) fn has_local_tasks(self) -> bool {
        !matches!(self, RuntimeDefault | Smol)
    }

    /// Runs the workload as a local task, on the thread inside `block_on`.
    pub(crate) fn run_local<W: LocalWorkload>(self, workers: usize, workload: W) -> Sample {
        match self {
            RuntimeDefault | Smol => unreachable!("`has_local_tasks` says no"),
            Tokio | Control => in_a_local_set(
                tokio::runtime::Builder::new_multi_thread().worker_threads(workers),
                workload,
            ),
            TokioCt => in_a_local_set(&mut tokio::runtime::Builder::new_current_thread(), workload),
            RuntimeTokio => {
                let builder = runtime_tokio::Builder::new().worker_threads(workers);
                builder.build().expect("a runtime").block_on(in_a_local_task::<Traits, _>(workload))
            }
            DefaultCt => {
                let builder = runtime_default::Builder::new().current_thread();
                builder.build().expect("a runtime").block_on(in_a_local_task::<Traits, _>(workload))
            }
            RuntimeSmol => {
                let builder = runtime_smol::Builder::new().worker_threads(workers);
                builder.build().expect("a runtime").block_on(in_a_local_task::<Traits, _>(workload))
            }
        }
    }

    /// Runs the workload on a new instance of this runtime, and ends it.
    pub(crate) fn run<W: Workload>(self, workers: usize, workload: W) -> Sample {
        match self {
            Tokio | Control => on_tokio(
                tokio::runtime::Builder::new_multi_thread().worker_threads(workers),
                workload,
            ),
            TokioCt => on_tokio(&mut tokio::runtime::Builder::new_current_thread(), workload),
            RuntimeTokio => {
                let builder = runtime_tokio::Builder::new().worker_threads(workers);
                builder.build().expect("a runtime").block_on(in_a_task::<Traits, _>(workload))
            }
            RuntimeDefault => {
                let builder = runtime_default::Builder::new().worker_threads(workers);
                builder.build().expect("a runtime").block_on(in_a_task::<Traits, _>(workload))
            }
            DefaultCt => {
                let builder = runtime_default::Builder::new().current_thread();
                builder.build().expect("a runtime").block_on(in_a_task::<Traits, _>(workload))
            }
            RuntimeSmol => {
                let builder = runtime_smol::Builder::new().worker_threads(workers);
                builder.build().expect("a runtime").block_on(in_a_task::<Traits, _>(workload))
            }
            Smol => {
                for _ in 0..workers {
                    thread::spawn(|| smol::block_on(SMOL.run(pending::<()>())));
                }
                smol::block_on(in_a_task::<api::Smol, _>(workload))
            }
        }
    }
}

fn on_tokio(builder: &mut tokio::runtime::Builder, workload: impl Workload) -> Sample {
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(in_a_task::<api::Tokio, _>(workload))
}

fn in_a_local_set(builder: &mut tokio::runtime::Builder, workload: impl LocalWorkload) -> Sample {
    let runtime = builder.enable_all().build().expect("a runtime");
    let set = tokio::task::LocalSet::new();
    set.block_on(&runtime, in_a_local_task::<api::Tokio, _>(workload))
}

async fn in_a_local_task<A: LocalApi, W: LocalWorkload>(workload: W) -> Sample {
    A::spawn_local(workload.run::<A>()).await.output()
}

async fn in_a_task<A: Api, W: Workload>(workload: W) -> Sample {
    A::spawn(workload.run::<A>()).await.output()
}
