//! The contract, clause by clause, on humboldt: with one worker, and with two.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::process::ExitCode;

use runtime_conformance::{Flavour, Harness, Subject};
use runtime_traits::{Capability, Handle};

struct Humboldt;

impl Harness for Humboldt {
    fn name(&self) -> &str {
        "humboldt"
    }

    fn flavours(&self) -> &[Flavour] {
        &[Flavour::Multi(1), Flavour::Multi(2)]
    }

    fn build(&self, flavour: Flavour) -> Box<dyn Subject> {
        let Flavour::Multi(workers) = flavour else { unreachable!("not among the flavours") };
        Box::new(Owner(humboldt::Runtime::with_workers(workers).expect("a poller and a thread")))
    }

    fn absent(&self, _: Flavour) -> &[Capability] {
        &[Capability::Local, Capability::Drive, Capability::Completion]
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

fn main() -> ExitCode {
    runtime_conformance::main(Humboldt)
}
