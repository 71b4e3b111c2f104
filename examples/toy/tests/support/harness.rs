//! How the toy is built for the suite.

use runtime_conformance::{Answer, Cap, Decisions, Flavour, Harness, Subject};
use runtime_traits::Handle;
use toy::Toy;

pub(crate) struct ToyHarness;

struct Owner(Toy);

impl Harness for ToyHarness {
    fn name(&self) -> &str {
        "toy"
    }

    fn version(&self) -> &str {
        "0.1.0"
    }

    fn flavours(&self) -> &[Flavour] {
        &[Flavour::Sim]
    }

    fn build(&self, _: Flavour) -> Box<dyn Subject> {
        Box::new(Owner(Toy::new()))
    }

    fn build_seeded(&self, _: Flavour, seed: u64) -> Box<dyn Subject> {
        Box::new(Owner(Toy::seeded(seed)))
    }

    fn capabilities(&self, _: Flavour) -> &[Cap] {
        &[Cap::Block, Cap::Local, Cap::Time, Cap::Simtime, Cap::Blk, Cap::Fs]
    }

    fn decisions(&self) -> Decisions {
        let mut decisions = Decisions::default();
        decisions.nested_block_on = Answer::Refuses;
        decisions.dropped_inside = Answer::Works;
        decisions.counts_suspend = Some(false);
        decisions.blocking_threads_max = Some(toy::BLOCKING_THREADS_MAX);
        decisions
    }

    #[cfg(runtime_mutants)]
    fn fired(&self) -> fn() -> u64 {
        toy::fired
    }
}

impl Subject for Owner {
    fn handle(&self) -> Handle {
        self.0.handle()
    }

    fn shutdown(self: Box<Self>) {
        drop(self.0);
    }
}
