//! How runtime-default is built for the suite.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime_conformance::toolbox::Tally;
use runtime_conformance::{Answer, Cap, Decisions, Flavour, Harness, Subject};
use runtime_default::{Builder, Runtime};
use runtime_traits::Handle;

pub(crate) struct Default;

/// Few and impatient, so that the suite can meet the limit and the end of idle threads.
const BLOCKING_MAX: usize = 64;
const KEEP_ALIVE: Duration = Duration::from_millis(10);

/// A runtime, and the threads that are lent to it.
struct Owner {
    runtime: Runtime,
    lent: Vec<Lent>,
}

struct Lent {
    thread: thread::JoinHandle<()>,
    over: Arc<Tally>,
}

impl Harness for Default {
    fn name(&self) -> &str {
        "runtime-default"
    }

    fn flavours(&self) -> &[Flavour] {
        &[Flavour::Multi(1), Flavour::Multi(2), Flavour::Current, Flavour::Lent]
    }

    fn build(&self, flavour: Flavour) -> Box<dyn Subject> {
        let builder =
            Builder::new().max_blocking_threads(BLOCKING_MAX).blocking_keep_alive(KEEP_ALIVE);
        let builder = match flavour {
            Flavour::Multi(workers) => builder.worker_threads(workers),
            Flavour::Current => builder.current_thread(),
            // A station more than is lent, for whoever is inside `block_on`.
            _ => builder.lent_threads().worker_threads(3),
        };
        let runtime = builder.build().expect("a runtime needs a poller and threads");
        let lent = if flavour == Flavour::Lent { 2 } else { 0 };
        let lent = (0..lent).map(|_| lend(runtime.handle().clone())).collect();
        Box::new(Owner { runtime, lent })
    }

    fn version(&self) -> &str {
        "0.1.0"
    }

    fn capabilities(&self, flavour: Flavour) -> &[Cap] {
        const WORKERS: &[Cap] = &[
            Cap::Block,
            Cap::Shared,
            Cap::Coop,
            Cap::Time,
            Cap::Blk,
            Cap::Fd,
            Cap::Tcp,
            Cap::Udp,
            Cap::Uds,
            Cap::Fs,
            Cap::Io,
            Cap::Proc,
            Cap::Sig,
            #[cfg(target_os = "linux")]
            Cap::Fork,
            Cap::Local,
            Cap::Mt,
        ];
        match flavour {
            Flavour::Multi(1) | Flavour::Current => &WORKERS[..WORKERS.len() - 1],
            _ => WORKERS,
        }
    }

    fn decisions(&self) -> Decisions {
        let mut decisions = Decisions::default();
        decisions.nested_block_on =
            Answer::Depends("refused on a thread that works for the same runtime, works elsewhere");
        decisions.dropped_inside = Answer::Works; // its threads follow when their polls return
        decisions.counts_suspend = Some(false);
        decisions.blocking_threads_max = Some(BLOCKING_MAX);
        decisions.blocking_keep_alive = Some(KEEP_ALIVE);
        decisions
    }

    #[cfg(runtime_mutants)]
    fn fired(&self) -> fn() -> u64 {
        runtime_default::mutants::fired
    }
}

/// A thread that works until it is told that this is over.
fn lend(handle: Handle) -> Lent {
    let over = Arc::new(Tally::new());
    let told = over.clone();
    // An error means that the runtime ended before this thread came.
    let work = move || _ = handle.block_on(told.reached(1));
    Lent { thread: thread::spawn(work), over }
}

impl Subject for Owner {
    fn handle(&self) -> Handle {
        self.runtime.handle().clone()
    }

    fn shutdown(self: Box<Self>) {
        drop(self.runtime);
        for lent in self.lent {
            lent.over.add();
            if lent.thread.thread().id() != thread::current().id() {
                lent.thread.join().expect("a lent thread panicked");
            }
        }
    }
}
