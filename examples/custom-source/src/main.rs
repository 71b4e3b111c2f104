//! Any descriptor that can be polled can be awaited, also one that `runtime-traits` has never heard
//! of. Here it is a `timerfd`, which counts how often it has expired.
//!
//! Run it with `cargo run -p custom-source` (on Linux).

#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod metronome {
    use std::time::Duration;

    use runtime_traits::io::{self, Async};
    use rustix::fd::OwnedFd;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    /// Beats at a fixed rate, by the kernel's clock.
    pub(crate) struct Metronome(Async<OwnedFd>);

    impl Metronome {
        /// Registers with the current runtime.
        pub(crate) fn new(period: Duration) -> io::Result<Metronome> {
            let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
            let every = Timespec::try_from(period).map_err(|_| io::ErrorKind::InvalidInput)?;
            let times = Itimerspec { it_interval: every, it_value: every };
            timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times)?;
            Ok(Metronome(Async::new(timer)?)) // from here on it does not block
        }

        /// Waits for at least one beat; answers how many there were since the last call.
        ///
        /// # Cancellation
        ///
        /// Safe: a beat that nobody fetched is counted next time.
        pub(crate) async fn beats(&self) -> io::Result<u64> {
            let mut count = [0; 8];
            // The call runs until it does not answer "would block".
            self.0.read_with(|timer| Ok(rustix::io::read(timer, &mut count)?)).await?;
            Ok(u64::from_ne_bytes(count))
        }
    }
}

#[cfg(target_os = "linux")]
#[runtime_default::main]
async fn main() -> runtime_traits::io::Result<()> {
    let metronome = metronome::Metronome::new(std::time::Duration::from_millis(50))?;
    let mut sum = 0;
    while sum < 5 {
        sum += metronome.beats().await?;
        println!("{sum} beats");
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("a timerfd is a thing of Linux; here, wrap another descriptor in `io::Async`");
}
