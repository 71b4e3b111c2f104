//! The one file that a runtime's author adds.

use runtime_conformance::{Cap, Flavour, Harness, Subject};

struct Mine;

struct Owner(tiny::Tiny);

impl Harness for Mine {
    fn name(&self) -> &str {
        "tiny"
    }
    fn flavours(&self) -> &[Flavour] {
        &[Flavour::Current]
    }
    fn build(&self, _: Flavour) -> Box<dyn Subject> {
        Box::new(Owner(tiny::Tiny::new()))
    }
    fn capabilities(&self, _: Flavour) -> &[Cap] {
        &[Cap::Block]
    }
}

impl Subject for Owner {
    fn handle(&self) -> runtime_traits::Handle {
        self.0.handle()
    }
    fn shutdown(self: Box<Self>) {}
}

fn main() -> std::process::ExitCode {
    runtime_conformance::main(Mine)
}
