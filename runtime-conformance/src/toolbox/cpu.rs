//! CPU time, compared with a control that runs in the same window.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::kernel;

/// What a measurement says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cpu {
    /// The share of one CPU that the process used beside the control: 1 is a thread that spins.
    Share(f64),
    /// The machine was too busy to tell: not even the control got enough.
    TooNoisy,
}

/// How many windows there are; the median counts.
const WINDOWS: usize = 5;
/// What the control must have got of a window.
const CONTROL_MIN: f64 = 0.2;

/// Runs `window` five times, each with a control thread that spins beside it; the median share of
/// CPU that all other threads used, as a multiple of what the control got.
///
/// So a busy machine slows both, and the ratio stays. `window` blocks for the time to be measured.
pub fn share_of_spinner(mut window: impl FnMut()) -> Cpu {
    let mut shares: Vec<f64> = (0..WINDOWS).filter_map(|_| one_window(&mut window)).collect();
    if shares.len() <= WINDOWS / 2 {
        return Cpu::TooNoisy;
    }
    shares.sort_by(f64::total_cmp);
    Cpu::Share(shares[shares.len() / 2])
}

fn one_window(window: &mut impl FnMut()) -> Option<f64> {
    let over = AtomicBool::new(false);
    let begun = Instant::now();
    thread::scope(|scope| {
        let control = scope.spawn(|| {
            let before = of_this_thread();
            while !over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            of_this_thread() - before
        });
        let others = of_process();
        window();
        over.store(true, Ordering::Relaxed);
        let spun = control.join().expect("it only spins");
        let used = (of_process() - others).saturating_sub(spun);
        let enough = spun.as_secs_f64() > CONTROL_MIN * begun.elapsed().as_secs_f64();
        enough.then(|| used.as_secs_f64() / spun.as_secs_f64())
    })
}

/// CPU time of the calling thread so far; zero where there is no `/proc`.
pub fn of_this_thread() -> Duration {
    kernel::this_thread().map(of_thread).unwrap_or_default()
}

/// CPU time of the process so far, of threads that ended too.
///
/// In ticks of 10 ms: good for windows of 300 ms and more.
pub fn of_process() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<u64> =
        rest.split(' ').skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Duration::from_millis(fields.iter().sum::<u64>() * 10)
}

/// CPU time of one thread so far, to the nanosecond.
pub fn of_thread(thread: u32) -> Duration {
    let path = format!("/proc/self/task/{thread}/schedstat");
    let text = fs::read_to_string(path).unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}
