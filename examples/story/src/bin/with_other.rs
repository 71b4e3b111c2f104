//! A program on humboldt that spawns onto another runtime in the same process, and back.
//!
//! Run it with `cargo run -p story --bin with_other`. It prints who is current where, which thread runs
//! it, and which thread wakes whom:
//!
//! ```text
//!   main ──other::spawn──▶ outer task ──humboldt::spawn──▶ inner task
//!                              │ TurboStream                   on humboldt again
//!                              └────────────────▶ engine task, on humboldt
//! ```

#![forbid(unsafe_code)]

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use humboldt::network::{TurboListener, TurboStream};
use runtime_default as other;
use runtime_traits::{Handle, io, spawn};

#[humboldt::main]
async fn main() -> io::Result<()> {
    say("main");
    let listener = TurboListener::bind("engine.turbo:7").await?;
    let engine = spawn(engine(listener));
    let sum = other::spawn(async {
        say("the outer task, by `other::spawn`");
        let forty = ask_the_engine().await?;
        let two = humboldt::spawn(async {
            say("the inner task, by `humboldt::spawn`");
            2
        });
        let sum = combine(forty, two.await?);
        say("the outer task, after both");
        io::Result::Ok(sum)
    });
    println!("40 by Turbo and 2 by the inner task: {}", sum.await??);
    engine.await??;
    say("main, after all that");
    Ok(())
}

fn combine(theirs: u8, ours: u8) -> u8 {
    theirs + ours
}

/// Answers one question.
async fn engine(listener: TurboListener) -> io::Result<()> {
    say("the engine, by `spawn` in main");
    let (stream, _) = listener.accept().await?;
    let mut question = [0; 5];
    stream.read_exact(&mut question).await?;
    stream.write_all(&[40]).await
}

/// Asks it over a stream that is made and used here, and still is humboldt's.
async fn ask_the_engine() -> io::Result<u8> {
    let stream = TurboStream::connect("engine.turbo:7").await?;
    let (mut answer, woken_by) = ([0], Name::default());
    {
        // It listens before it asks, so that somebody has to wake it.
        let mut listens = pin!(stream.read_exact(&mut answer));
        let first = poll_fn(|cx| Poll::Ready(poll_noted(listens.as_mut(), &woken_by, cx))).await;
        assert!(first.is_pending());
        stream.write_all(b"what?").await?;
        let thread =
            poll_fn(|_| woken_by.lock().unwrap().take().map_or(Poll::Pending, Poll::Ready));
        println!("the outer task's TurboStream: woken by thread `{}`", thread.await);
        listens.await?;
    }
    say("the outer task, after its TurboStream");
    Ok(answer[0])
}

/// One line of the transcript.
fn say(who: &str) {
    let (current, thread) = (Handle::current().info().name, thread::current());
    println!("{who}: `{current}` is current, thread `{}`", thread.name().unwrap_or("?"));
}

// ── who wakes it ────────────────────────────────────────────────────────────────────────────────

type Name = Arc<Mutex<Option<String>>>;

/// Polls a future, and notes the name of the thread that wakes it, before the task is woken.
fn poll_noted<F: Future>(future: Pin<&mut F>, by: &Name, cx: &Context<'_>) -> Poll<F::Output> {
    let notes = Notes { by: by.clone(), waker: cx.waker().clone() };
    future.poll(&mut Context::from_waker(&Waker::from(Arc::new(notes))))
}

/// The waker of a task, with a note of who used it.
struct Notes {
    by: Name,
    waker: Waker,
}

impl Wake for Notes {
    fn wake(self: Arc<Self>) {
        *self.by.lock().unwrap() = thread::current().name().map(str::to_owned);
        self.waker.wake_by_ref();
    }
}
