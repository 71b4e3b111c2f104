//! How humboldt is built for the suite.

use std::time::Duration;

use runtime_conformance::{Answer, Cap, Decisions, Flavour, Harness, Subject};
use runtime_traits::Handle;

/// Short, so that the suite meets the moment when a thread ends.
const KEEP_ALIVE: Duration = Duration::from_millis(10);

pub(crate) struct Humboldt;

impl Harness for Humboldt {
    fn name(&self) -> &str {
        "humboldt"
    }

    fn version(&self) -> &str {
        "0.1.0"
    }

    fn flavours(&self) -> &[Flavour] {
        &[Flavour::Multi(2), Flavour::Multi(1)]
    }

    fn build(&self, flavour: Flavour) -> Box<dyn Subject> {
        let Flavour::Multi(workers) = flavour else { unreachable!("not among the flavours") };
        let runtime = humboldt::Runtime::with_keep_alive(workers, KEEP_ALIVE);
        Box::new(Owner(runtime.expect("a poller and a thread")))
    }

    fn capabilities(&self, flavour: Flavour) -> &[Cap] {
        const MANY: &[Cap] = &[
            Cap::Block,
            Cap::Shared,
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
            Cap::Mt,
        ];
        match flavour {
            Flavour::Multi(1) => &MANY[..MANY.len() - 1],
            _ => MANY,
        }
    }

    fn decisions(&self) -> Decisions {
        let mut decisions = Decisions::default();
        decisions.nested_block_on = Answer::Depends("refused on a worker, works elsewhere");
        decisions.dropped_inside = Answer::Works; // its threads follow when their jobs return
        decisions.blocking_threads_max = Some(256);
        decisions.blocking_keep_alive = Some(KEEP_ALIVE);
        decisions
    }
}

struct Owner(humboldt::Runtime);

impl Subject for Owner {
    fn handle(&self) -> Handle {
        self.0.handle()
    }

    fn shutdown(self: Box<Self>) {
        drop(self.0); // returns when the runtime has ended
    }
}
