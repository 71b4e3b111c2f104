//! A room where each line that a member says goes to all others, and all hear who comes and goes.
//!
//! ```text
//!  member ──lines──▶ hear ──▶ Room ──▶ a queue per member ──▶ tell ──▶ member
//! ```
//!
//! Channels need no runtime, so these are `async-channel`'s; so is `or`, which runs both directions of a
//! connection until one of them ends. A member who does not keep up is dropped, not waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_channel::{Receiver, Sender, bounded};
use futures_lite::StreamExt;
use futures_lite::future::or;
use runtime_traits::io::{self, AsyncBufReadExt, BufReader};
use runtime_traits::net::{TcpListener, TcpStream};
use runtime_traits::task;

/// How many lines a member may be behind.
const BEHIND: usize = 64;

type Line = Arc<str>;

/// Who is here.
#[derive(Default)]
struct Room(Mutex<BTreeMap<u64, Sender<Line>>>);

/// A place in the room, given up when dropped.
struct Seat {
    room: Arc<Room>,
    number: u64,
}

/// Lets members in until the listener fails.
pub(crate) async fn listen(at: &str) -> io::Result<()> {
    let (listener, room) = (TcpListener::bind(at).await?, Arc::new(Room::default()));
    println!("listening on {}", listener.local_addr()?);
    for number in 0.. {
        let (stream, _) = listener.accept().await?;
        let (sender, lines) = bounded(BEHIND);
        room.lock().insert(number, sender);
        let seat = Seat { room: room.clone(), number };
        task::spawn(async move {
            // How a connection ended is its own affair.
            let _ = or(hear(&stream, &seat), tell(&stream, lines)).await;
        });
    }
    Ok(())
}

/// Passes on what a member says; the first line is the name.
async fn hear(stream: &TcpStream, seat: &Seat) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let Some(name) = lines.next().await.transpose()? else { return Ok(()) };
    seat.room.tell(&format!("* {name} comes"), |_| true);
    while let Some(line) = lines.next().await.transpose()? {
        seat.room.tell(&format!("{name}: {line}"), |number| number != seat.number);
    }
    seat.room.tell(&format!("* {name} goes"), |number| number != seat.number);
    Ok(())
}

/// Tells a member what the others say, until the room drops it.
async fn tell(stream: &TcpStream, lines: Receiver<Line>) -> io::Result<()> {
    while let Ok(line) = lines.recv().await {
        stream.write_all(line.as_bytes()).await?;
    }
    Ok(())
}

/// Says what comes on stdin, prints what the others say. Ends when both have.
pub(crate) async fn join(at: &str, name: &str) -> io::Result<()> {
    let stream = TcpStream::connect(at).await?;
    let say = async {
        let to = &stream;
        to.write_all(format!("{name}\n").as_bytes()).await?;
        io::copy(io::stdin(), to).await?;
        stream.shutdown(std::net::Shutdown::Write).await
    };
    let print = io::copy(&stream, io::stdout());
    // Either may end first: stdin, if it is a file, or the room.
    let said = or(async { say.await.map(|()| true) }, async { print.await.map(|_| false) }).await?;
    if said {
        io::copy(&stream, io::stdout()).await?;
    }
    Ok(())
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Sender<Line>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To those whom `to` names. Who is too far behind loses the place, and so the connection.
    fn tell(&self, what: &str, to: impl Fn(u64) -> bool) {
        let line: Line = format!("{what}\n").into();
        let hears = |queue: &Sender<Line>| queue.try_send(line.clone()).is_ok();
        self.lock().retain(|&number, queue| !to(number) || hears(queue));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.lock().remove(&self.number);
    }
}
