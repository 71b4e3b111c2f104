//! The one file that a runtime's author adds.

use runtime_conformance::{Cap, Flavour, Harness, Subject};

struct Mine;

struct Owner(tiny::Tiny);

impl Harness for Mine {
    fn name(&self) -> &str {
        "tiny"
    }
    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }
    fn flavours(&self) -> &[Flavour] {
        &[Flavour::Current]
    }
    fn build(&self, _: Flavour) -> Box<dyn Subject> {
        Box::new(Owner(tiny::Tiny::default()))
    }
    fn capabilities(&self, _: Flavour) -> &[Cap] {
        &[Cap::Block]
    }
}

impl Subject for Owner {
    fn handle(&self) -> runtime_traits::Handle {
        self.0.handle()
    }
    fn shutdown(self: Box<Self>) {
        drop(self.0); // returns when the runtime has ended
    }
}

fn main() -> std::process::ExitCode {
    runtime_conformance::main(Mine)
}
