//! The contract, clause by clause, on tokio: owned, and as a guest.

use std::process::ExitCode;

use runtime_conformance::{Flavour, Harness, Subject};
use runtime_tokio::{Builder, Runtime};
use runtime_traits::Handle;

struct Tokio;

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
        let builder = match flavour {
            Flavour::Multi(workers) => Builder::new().worker_threads(workers),
            _ => Builder::new().current_thread(),
        };
        let runtime = match &host {
            Some(host) => Runtime::hosted(host.handle().clone()),
            None => builder.build().expect("tokio needs a poller and threads"),
        };
        Box::new(Owner { runtime, host })
    }
}

fn host() -> tokio::runtime::Runtime {
    let mut host = tokio::runtime::Builder::new_multi_thread();
    host.worker_threads(2).enable_all().build().expect("tokio needs a poller and threads")
}

impl Subject for Owner {
    fn handle(&self) -> Handle {
        self.runtime.handle()
    }

    fn shutdown(self: Box<Self>) {
        self.runtime.shutdown();
        drop(self.host);
    }
}

fn main() -> ExitCode {
    runtime_conformance::main(Tokio)
}
