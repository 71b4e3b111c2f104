//! An address that is known before a node starts, and stays when the node starts again elsewhere.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;

/// Forwards connections to a node; to nobody at first.
pub(crate) struct Relay {
    addr: SocketAddr,
    target: Arc<Mutex<Target>>,
    count: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum Target {
    Nobody,
    Node(SocketAddr),
    Over,
}

impl Relay {
    pub(crate) fn new() -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(Target::Nobody));
        let count = Arc::new(AtomicUsize::new(0));
        let theirs = (Arc::clone(&target), Arc::clone(&count));
        thread::spawn(move || accept(&listener, &theirs.0, &theirs.1));
        Relay { addr, target, count }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections have come.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// From now on new connections go there.
    pub(crate) fn lead_to(&self, node: SocketAddr) {
        *self.target.lock().unwrap() = Target::Node(node);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        *self.target.lock().unwrap() = Target::Over;
        let _ = TcpStream::connect(self.addr); // so that it looks
    }
}

fn accept(listener: &TcpListener, target: &Mutex<Target>, count: &AtomicUsize) {
    for incoming in listener.incoming().flatten() {
        count.fetch_add(1, Relaxed);
        let target = *target.lock().unwrap();
        match target {
            Target::Over => return,
            Target::Nobody => drop(incoming),
            Target::Node(addr) => {
                if let Ok(outgoing) = TcpStream::connect(addr) {
                    let _ = join(&incoming, &outgoing);
                }
            }
        }
    }
}

/// Forwards both ways, on two threads that end with the connections.
fn join(one: &TcpStream, other: &TcpStream) -> io::Result<()> {
    one.set_nodelay(true)?;
    other.set_nodelay(true)?;
    for (from, to) in [(one, other), (other, one)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}
