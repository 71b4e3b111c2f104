//! Clients: one task each, as many as there is room for.
//!
//! A client hears of nothing that is not safe (D1), and hears an error instead of what was undone
//! (D2): its task waits for the group that it has a ticket for. It is not read from while it does not
//! read (D5), so it costs one batch of commands and their answers; who has subscribed and does not
//! take the messages is let go. Followers come as clients, too, and are then the feeder's; they come
//! in when all seats for clients are taken, too.
//!
//! - `connection`: a client's commands, in order
//! - `input`: what it has sent
//! - `channels`: what those are told who listen
//! - `info`: what INFO answers
//! - `node`: what HELLO and DIGEST answer, and what REPLICATE says

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures_lite::future::poll_once;
use runtime_traits::net::{TcpListener, TcpStream};
use runtime_traits::task::TaskGroup;
use runtime_traits::time;

use crate::node::{Shared, say};

mod channels;
mod connection;
mod info;
mod input;
mod node;

use connection::Connection;

/// Pause after a connection could not be accepted (no descriptors left, mostly).
const PAUSE: Duration = Duration::from_millis(100);

/// More than there are seats may connect by so many, to say that they are followers.
const DOOR: usize = 16;

/// What a client hears for whom there is no seat.
const NO_SEAT: &str = "ERR max number of clients reached";

/// Counts of clients, for INFO and for the limit.
#[derive(Default)]
pub(crate) struct Clients {
    now: AtomicUsize,
    ever: AtomicU64,
    /// Commands that were run.
    commands: AtomicU64,
}

impl Clients {
    // `Relaxed` everywhere: these are counts, and nothing is read because of them.
    fn ran(&self, count: usize) {
        self.commands.fetch_add(count as u64, Relaxed);
    }

    /// Clients now, clients ever, commands ever.
    fn counts(&self) -> (usize, u64, u64) {
        (self.now.load(Relaxed), self.ever.load(Relaxed), self.commands.load(Relaxed))
    }
}

/// A client's place among the others.
struct Seat {
    shared: Arc<Shared>,
    number: u64,
    /// All seats were taken: it stands at the door until it says that it is a follower.
    is_late: bool,
    is_counted: bool,
}

impl Seat {
    /// `None` if nobody may even stand at the door.
    fn take(shared: &Arc<Shared>) -> Option<Seat> {
        let clients = &shared.clients;
        let before = clients.now.fetch_add(1, Relaxed);
        let number = clients.ever.fetch_add(1, Relaxed) + 1;
        let is_late = before >= shared.settings.clients_max;
        let seat = Seat { shared: Arc::clone(shared), number, is_late, is_counted: true };
        (before < shared.settings.clients_max.saturating_add(DOOR)).then_some(seat)
    }

    /// A follower takes no client's seat.
    fn leave(&mut self) {
        if std::mem::take(&mut self.is_counted) {
            self.shared.clients.now.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Serves all who connect, for ever. When it is dropped, so are they.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut clients = TaskGroup::new();
    let mut is_troubled = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                is_troubled = false;
                serve(&shared, stream, peer, &mut clients);
            }
            Err(error) => {
                if !is_troubled {
                    say(format_args!("cannot accept for now: {error}"));
                }
                is_troubled = true;
                time::sleep(PAUSE).await;
            }
        }
        // Forgets those who have left.
        while let Some(Some(_)) = poll_once(clients.join_next()).await {}
    }
}

fn serve(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr, clients: &mut TaskGroup<()>) {
    let Some(seat) = Seat::take(shared) else {
        let _ = stream.try_write(format!("-{NO_SEAT}\r\n").as_bytes());
        return;
    };
    clients.spawn(async move {
        // How a connection ends is the client's affair: it knows, or it is gone.
        let _ = Connection::new(seat, stream, peer).run().await;
    });
}
