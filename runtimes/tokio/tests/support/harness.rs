//! How runtime-tokio is built for the suite.

use std::time::Duration;

use runtime_conformance::{Answer, Cap, Decisions, Flavour, Harness, Subject};
use runtime_tokio::{Builder, Runtime};
use runtime_traits::Handle;

pub(crate) struct Tokio;

/// Few and impatient, so that the suite can meet the limit and the end of idle threads.
const BLOCKING_MAX: usize = 64;
const KEEP_ALIVE: Duration = Duration::from_millis(10);

/// A runtime, and its host if it has one.
struct Owner {
    runtime: Runtime,
    host: Option<tokio::runtime::Runtime>,
}

impl Harness for Tokio {
    fn name(&self) -> &str {
        "runtime-tokio"
    }

    fn flavours(&self) -> &[Flavour] {
        &[Flavour::Multi(2), Flavour::Current, Flavour::Hosted]
    }

    fn build(&self, flavour: Flavour) -> Box<dyn Subject> {
        let host = (flavour == Flavour::Hosted).then(host);
        let builder = Builder::new().max_blocking_threads(BLOCKING_MAX).keep_alive(KEEP_ALIVE);
        let builder = match flavour {
            Flavour::Multi(workers) => builder.worker_threads(workers),
            _ => builder.current_thread(),
        };
        let runtime = match &host {
            Some(host) => Runtime::hosted(host.handle().clone()),
            None => builder.build().expect("tokio needs a poller and threads"),
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
            #[cfg(target_os = "linux")]
            Cap::Fork,
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
        decisions.nested_block_on = Answer::Refuses;
        decisions.dropped_inside = Answer::Works; // it ends in the background
        decisions.blocking_threads_max = Some(BLOCKING_MAX);
        decisions.blocking_keep_alive = Some(KEEP_ALIVE);
        decisions
    }
}

fn host() -> tokio::runtime::Runtime {
    let mut host = tokio::runtime::Builder::new_multi_thread();
    host.max_blocking_threads(BLOCKING_MAX).thread_keep_alive(KEEP_ALIVE);
    host.worker_threads(2).enable_all().build().expect("tokio needs a poller and threads")
}

impl Subject for Owner {
    fn handle(&self) -> Handle {
        self.runtime.handle()
    }

    fn shutdown(self: Box<Self>) {
        let Owner { runtime, host } = *self;
        runtime.shutdown();
        match host {
            // tokio does not let its own threads wait for it.
            Some(host) if tokio::runtime::Handle::try_current().is_ok() => {
                host.shutdown_background();
            }
            host => drop(host),
        }
    }
}
