//! The runtimes of this workspace, with a mutant in them.

use std::env;
use std::sync::Arc;

use runtime_conformance::twist::Twist;
use runtime_conformance::{Cap, Decisions, Flavour, Harness, Subject};
use runtime_traits::Handle;

use crate::mutant::{Make, Mutant};
use crate::mutants;

#[path = "../../../runtime-default/tests/support/harness.rs"]
mod default;
#[path = "../../../examples/humboldt/tests/support/harness.rs"]
mod humboldt_harness;
#[path = "../../../runtimes/smol/tests/support/harness.rs"]
mod smol_harness;
#[path = "../../../runtimes/tokio/tests/support/harness.rs"]
mod tokio_harness;
#[path = "../../../examples/toy/tests/support/harness.rs"]
mod toy_harness;

/// In the environment: the mutant, or `none` for the runtime as it is.
pub(crate) const MUTANT: &str = "CONFORMANCE_MUTANT";
/// In the environment: the runtime.
pub(crate) const RUNTIME: &str = "CONFORMANCE_RUNTIME";
/// In the environment: the switch, which runtimes read.
pub(crate) const SWITCH: &str = "RUNTIME_MUTANT";

/// The runtimes by name. To add one: its harness above, and a line here.
const RUNTIMES: &[(&str, &dyn Harness)] = &[
    ("default", &default::Default),
    ("tokio", &tokio_harness::Tokio),
    ("smol", &smol_harness::Smol),
    ("humboldt", &humboldt_harness::Humboldt),
    ("toy", &toy_harness::ToyHarness),
];

/// The runtime of this name.
pub(crate) fn runtime(name: &str) -> Option<&'static dyn Harness> {
    RUNTIMES.iter().find(|(known, _)| *known == name).map(|(_, harness)| *harness)
}

/// What the environment asks for; `None`: nothing, so this is the runner.
pub(crate) fn chosen() -> Option<Mutated> {
    let id = env::var(MUTANT).ok()?;
    let name = env::var(RUNTIME).unwrap_or_else(|_| "default".into());
    let inner = runtime(&name).unwrap_or_else(|| panic!("{RUNTIME}: there is no `{name}`"));
    let mutant = mutants::all().find(|mutant| mutant.id == id);
    assert!(mutant.is_some() || id == "none", "{MUTANT}: there is no `{id}`");
    Some(Mutated { inner, mutant })
}

/// A runtime with a mutant in it.
pub(crate) struct Mutated {
    inner: &'static dyn Harness,
    mutant: Option<&'static Mutant>,
}

impl Mutated {
    fn twisted(&self, inner: Box<dyn Subject>) -> Box<dyn Subject> {
        match self.mutant.map(|mutant| &mutant.make) {
            Some(Make::Twist(make)) => Box::new(Twisted { inner, twist: make() }),
            _ => inner,
        }
    }
}

impl Harness for Mutated {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn version(&self) -> &str {
        self.inner.version()
    }

    fn flavours(&self) -> &[Flavour] {
        self.inner.flavours()
    }

    fn build(&self, flavour: Flavour) -> Box<dyn Subject> {
        self.twisted(self.inner.build(flavour))
    }

    fn build_seeded(&self, flavour: Flavour, seed: u64) -> Box<dyn Subject> {
        self.twisted(self.inner.build_seeded(flavour, seed))
    }

    fn capabilities(&self, flavour: Flavour) -> &[Cap] {
        let all = self.inner.capabilities(flavour);
        let Some(Mutant { with, without, .. }) = self.mutant else { return all };
        if with.is_empty() && without.is_empty() {
            return all;
        }
        let left = all.iter().filter(|cap| !without.contains(cap));
        let declared: Vec<Cap> = left.chain(*with).copied().collect();
        declared.leak() // a few bytes for each question, in a process of a few seconds
    }

    fn decisions(&self) -> Decisions {
        self.inner.decisions()
    }

    fn fired(&self) -> fn() -> u64 {
        self.inner.fired()
    }
}

struct Twisted {
    inner: Box<dyn Subject>,
    twist: Arc<dyn Twist>,
}

impl Subject for Twisted {
    fn handle(&self) -> Handle {
        self.twist.runtime(self.inner.handle())
    }

    fn shutdown(self: Box<Self>) {
        self.inner.shutdown();
    }

    fn twist(&self) -> Option<Arc<dyn Twist>> {
        Some(self.twist.clone())
    }
}
