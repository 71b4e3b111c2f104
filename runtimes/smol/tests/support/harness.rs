//! How runtime-smol is built for the suite.

use std::sync::Arc;
use std::thread;

use runtime_conformance::{Answer, Cap, Decisions, Flavour, Harness, Subject};
use runtime_smol::{Builder, Runtime};
use runtime_traits::Handle;
use smol::Executor;
use smol::channel::{Sender, bounded};

pub(crate) struct Smol;

/// A runtime, and its host if it has one.
struct Owner {
    runtime: Runtime,
    host: Option<Host>,
}

/// An executor, and a thread that drives it until the sender goes.
struct Host {
    executor: Arc<Executor<'static>>,
    stop: Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Host {
    fn new() -> Host {
        let (executor, (stop, stopped)) = (Arc::new(Executor::new()), bounded(1));
        let theirs = Arc::clone(&executor);
        let drive = move || {
            let _ = smol::block_on(theirs.run(stopped.recv())); // ends when the sender goes
        };
        Host { executor, stop, thread: thread::spawn(drive) }
    }

    fn end(self) {
        drop(self.stop);
        if self.thread.thread().id() != thread::current().id() {
            self.thread.join().expect("tasks contain what they throw");
        }
        drop(self.executor);
    }
}

impl Harness for Smol {
    fn name(&self) -> &str {
        "runtime-smol"
    }

    fn flavours(&self) -> &[Flavour] {
        &[Flavour::Multi(2), Flavour::Current, Flavour::Hosted]
    }

    fn build(&self, flavour: Flavour) -> Box<dyn Subject> {
        let host = (flavour == Flavour::Hosted).then(Host::new);
        let builder = match flavour {
            Flavour::Multi(workers) => Builder::new().worker_threads(workers),
            _ => Builder::new().current_thread(),
        };
        let runtime = match &host {
            Some(host) => Runtime::hosted(&host.executor),
            None => builder.build().expect("smol needs threads"),
        };
        Box::new(Owner { runtime, host })
    }

    fn version(&self) -> &str {
        "0.1.0"
    }

    fn capabilities(&self, flavour: Flavour) -> &[Cap] {
        const MANY: &[Cap] = &[
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
            Cap::Local,
            Cap::Mt,
        ];
        match flavour {
            Flavour::Multi(_) | Flavour::Hosted => MANY,
            _ => &MANY[..MANY.len() - 1],
        }
    }

    fn decisions(&self) -> Decisions {
        let mut decisions = Decisions::default();
        decisions.nested_block_on = Answer::Works;
        decisions.dropped_inside = Answer::Works; // it ends in the background
        decisions.lasting_threads = &["async-io", "blocking-"];
        // Those of the crate `blocking`, for the whole process; up to that number they never retire.
        decisions.blocking_threads_max = Some(500);
        decisions.blocking_keep_alive = Some(std::time::Duration::MAX);
        decisions
    }
}

impl Subject for Owner {
    fn handle(&self) -> Handle {
        self.runtime.handle()
    }

    fn shutdown(self: Box<Self>) {
        self.runtime.shutdown();
        if let Some(host) = self.host {
            host.end();
        }
    }
}
