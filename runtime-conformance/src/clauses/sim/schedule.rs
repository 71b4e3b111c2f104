//! SIM-2 and SIM-3: what a seed decides.

use std::collections::BTreeSet;
use std::env;
use std::future::Future;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use runtime_traits::time::{Duration, sleep};

use crate::rig::{Rig, timer};
use crate::rt::Rt;
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{Random, Tally};

/// In the environment of a process that is only to print its trace.
const ONLY_TRACE: &str = "CONFORMANCE_SIM_TRACE";
const TRACE: &str = "sim-trace:";
/// How many tasks the program has, and how many steps each.
const TASKS: u64 = 2_000;
const STEPS: u64 = 4;
const PROCESSES: usize = 3;

/// SIM-2: the same seed and the same inputs give the same trace of events, in every run and process.
///
/// Method: a program of 2000 tasks that sleep, give way, spawn and wake each other, as random numbers
/// decide that are the same each time. Every step adds its task, its number and the clock to a trace,
/// of which a hash is compared: of two runs in this process and of three in new ones, where addresses
/// and the seeds of hash tables differ.
///
/// If this fails, look for an order that depends on a hash table, an address, a thread, or the
/// machine's clock.
pub(super) fn sim_2_the_same_seed_gives_the_same_trace(rig: &Rig<'_>) {
    let trace = trace(rig);
    if env::var_os(ONLY_TRACE).is_some() {
        println!("\n{TRACE}{trace:016x}");
        return;
    }
    let again = self::trace(rig);
    assert_eq!(trace, again, "SIM-2: two runs in one process had these traces");
    for _ in 0..PROCESSES {
        let elsewhere = trace_of_a_new_process(rig);
        assert_eq!(trace, elsewhere, "SIM-2: runs in two processes had these traces");
    }
}

/// Runs this case again, in a process that prints its trace.
fn trace_of_a_new_process(rig: &Rig<'_>) -> u64 {
    let me = rig.setup("the name of this program", env::current_exe());
    let mut command = Command::new(me);
    command.env(ONLY_TRACE, "1").stdin(Stdio::null()).stderr(Stdio::null());
    let output = rig.setup("a second process", command.output());
    let text = String::from_utf8_lossy(&output.stdout);
    let trace = text.lines().find_map(|line| line.strip_prefix(TRACE));
    let trace = trace.and_then(|trace| u64::from_str_radix(trace, 16).ok());
    trace.unwrap_or_else(|| panic!("SIM-2: the program ended with {} and no trace", output.status))
}

/// Runs the program; the hash of what happened.
fn trace(rig: &Rig<'_>) -> u64 {
    let rt = rig.rt();
    let events = Arc::new(Mutex::new(Events(0xcbf2_9ce4_8422_2325)));
    let done = Arc::new(Tally::new());
    rig.drive(&rt, "SIM-2: a program of 2000 tasks on a virtual clock", async {
        let start = timer(rt.handle()).now().as_nanos();
        for number in 0..TASKS / 2 {
            let task = Traced {
                number,
                start,
                rt: rt.clone(),
                events: events.clone(),
                done: done.clone(),
            };
            drop(rt.spawn(task.run()));
        }
        done.reached(TASKS as usize).await;
    });
    rig.shutdown(rt);
    let events = events.lock().unwrap_or_else(PoisonError::into_inner);
    events.0
}

/// A hash of events, in their order.
struct Events(u64);

impl Events {
    fn add(&mut self, event: [u64; 3]) {
        for byte in event.iter().flat_map(|word| word.to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[derive(Clone)]
struct Traced {
    number: u64,
    start: u64,
    rt: Rt,
    events: Arc<Mutex<Events>>,
    done: Arc<Tally>,
}

impl Traced {
    async fn run(self) {
        let mut random = Random::new(self.number);
        for step in 0..STEPS {
            self.note(step);
            match random.below(3) {
                0 => GiveWay::default().await,
                // Many of the same length, so that there is an order to decide.
                _ => self.nap(random.below(20) * 250_017).await,
            }
        }
        if self.number < TASKS / 2 {
            let child = Traced { number: self.number + TASKS / 2, ..self.clone() };
            drop(self.rt.spawn(child.boxed()));
        }
        self.note(STEPS);
        self.done.add();
    }

    /// The same without its type, so that it can hold one of its own.
    fn boxed(self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.run())
    }

    async fn nap(&self, nanos: u64) {
        self.rt.enter(|| sleep(Duration::from_nanos(nanos))).await;
    }

    fn note(&self, step: u64) {
        let now = timer(self.rt.handle()).now().as_nanos() - self.start;
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.add([self.number, step, now]);
    }
}

/// How many seeds are tried, on how many tasks, and how many orders must come of it.
const SEEDS: u64 = 64;
const INDEPENDENT: usize = 6;
const ORDERS_MIN: usize = 8;

/// SIM-3: different seeds give different schedules.
///
/// Method: six tasks that have nothing to do with each other, under 64 seeds; the orders in which they
/// ran are counted.
///
/// If this fails, look for a seed that is not passed on, or that only decides ties of timers.
pub(super) fn sim_3_different_seeds_give_different_schedules(rig: &Rig<'_>) {
    let mut random = rig.random();
    let orders: BTreeSet<Vec<usize>> =
        (0..SEEDS).map(|_| order_of(rig, random.below(u64::MAX))).collect();
    let orders = orders.len();
    assert!(orders >= ORDERS_MIN, "SIM-3: {SEEDS} seeds gave {orders} orders of six tasks");
}

fn order_of(rig: &Rig<'_>, seed: u64) -> Vec<usize> {
    let rt = rig.rt_seeded(seed);
    let order = Arc::new(Mutex::new(Vec::new()));
    rig.drive(&rt, "SIM-3: six tasks", async {
        let done = Arc::new(Tally::new());
        for number in 0..INDEPENDENT {
            let (order, done) = (order.clone(), done.clone());
            drop(rt.spawn(async move {
                order.lock().unwrap_or_else(PoisonError::into_inner).push(number);
                done.add();
            }));
        }
        done.reached(INDEPENDENT).await;
    });
    rig.shutdown(rt);
    let order = order.lock().unwrap_or_else(PoisonError::into_inner);
    order.clone()
}
