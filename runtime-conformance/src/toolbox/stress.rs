//! Many rounds of a race, in bounded time.

use std::thread;
use std::time::{Duration, Instant};

use super::Random;

/// Rounds of something that may go wrong by chance, until there are enough or the time is up.
///
/// Ending early is no verdict: the witness says whether what was done is enough.
///
/// ```
/// # use runtime_conformance::toolbox::{Random, Stress};
/// let mut stress = Stress::new(Random::new(1), 1000);
/// let mut met = 0;
/// while stress.again() {
///     met += stress.random().below(2);
/// }
/// assert!(met > 0);
/// ```
#[derive(Debug)]
pub struct Stress {
    random: Random,
    left: usize,
    end: Instant,
    done: u64,
}

impl Stress {
    /// How long a stress goes on at most.
    pub const BOX: Duration = Duration::from_secs(2);

    /// At most `rounds`, and at most [`Stress::BOX`].
    pub fn new(random: Random, rounds: usize) -> Stress {
        Stress { random, left: rounds, end: Instant::now() + Stress::BOX, done: 0 }
    }

    /// Whether to do another round; at least one.
    pub fn again(&mut self) -> bool {
        let enough = self.left == 0 || self.done > 0 && Instant::now() >= self.end;
        self.left = self.left.saturating_sub(1);
        self.done += u64::from(!enough);
        !enough
    }

    /// Rounds so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Random numbers.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// A random pause of this thread: nothing, some spins, or a yield. To be called where an
    /// interleaving matters.
    pub fn perturb(&mut self) {
        perturb(self.random.below(64));
    }
}

/// The pause with this number: so that the choice can be made on another thread than the pause.
pub(crate) fn perturb(choice: u64) {
    match choice {
        0..16 => {}
        16..60 => (16..choice).for_each(|_| std::hint::spin_loop()),
        _ => thread::yield_now(),
    }
}
