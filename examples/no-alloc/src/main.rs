//! Tasks, sleeping and readiness without a heap: one static runtime, one static arena.
//!
//! Run it with `cargo run -p no-alloc`. The first thing it does is to arm an allocator that aborts
//! the process at the next allocation; then it spawns a task with the same generic
//! [`runtime_traits::spawn`] that every program uses, sleeps in it, and waits for a pipe.
//!
//! ```text
//! main.rs     the program
//! nano.rs     the runtime: a static with `Spawn`, `BlockOn`, `Timer`, and readiness as an extra
//! arena.rs    memory for its tasks
//! armed.rs    the allocator that aborts
//! ```
//!
//! Built alone, `runtime-traits` is in its *core* profile here: no thread-locals, so
//! `static_runtime!` says at link time which runtime is current. In a build of the whole workspace
//! cargo unifies features and there are thread-locals; then `Handle::enter` says it, which is a part of
//! `Handle::block_on`. The program has both, as either is free where the other counts.

#[cfg(target_os = "linux")]
mod arena;
#[cfg(target_os = "linux")]
mod armed;
#[cfg(target_os = "linux")]
mod nano;

#[cfg(target_os = "linux")]
mod program {
    use core::time::Duration;
    use std::process::ExitCode;

    use runtime_traits::Handle;
    use runtime_traits::time::{Instant, sleep};
    use rustix::pipe::{PipeFlags, pipe_with};

    use crate::armed::ARMED;
    use crate::nano::{NANO, Pipes};

    runtime_traits::static_runtime!(NANO);

    pub(crate) fn main() -> ExitCode {
        ARMED.arm();
        let sum = Handle::from_static(&NANO).block_on(sum());
        let is_right = sum == Ok(6);
        say(if is_right { b"one, two and three are 6, without a heap\n" } else { b"wrong\n" });
        if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// One from a task, two that the task gets over a pipe, three of our own after a sleep.
    async fn sum() -> u8 {
        let (receive, send) = pipe_with(PipeFlags::NONBLOCK).expect("two descriptors");
        let pipes = Handle::current();
        let pipe = pipes.query::<Pipes>().expect("we are on nano").adopt(receive).expect("room");
        let task = runtime_traits::spawn(async move { 1 + read(pipe).await });
        let start = Instant::now();
        sleep(Duration::from_millis(20)).await;
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(!task.is_finished(), "it waits for the pipe");
        rustix::io::write(&send, &[2]).expect("room for a byte");
        3 + task.await.unwrap_or(0)
    }

    /// A byte, when there is one.
    async fn read(pipe: usize) -> u8 {
        let handle = Handle::current();
        let pipes: &Pipes = handle.query().expect("we are on nano");
        let mut byte = [0];
        pipes.read(pipe, &mut byte).await.expect("the other end is open");
        byte[0]
    }

    /// `println!` allocates its buffer; a plain write does not.
    fn say(text: &[u8]) {
        let _ = rustix::io::write(rustix::stdio::stdout(), text);
    }
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    program::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this example sleeps in Linux's poll(2) and eventfd(2)");
}
