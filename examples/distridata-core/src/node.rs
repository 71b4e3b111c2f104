//! A node: the data, whom it serves, and whom it follows.
//!
//! ```text
//!  Node ──▶ tasks: write groups │ sync │ compact │ accept ──▶ a task per client or follower
//!                  └ primary: delete what has expired │ follower: follow
//!                             all of them share `Shared`: engine, channels, counts
//! ```
//!
//! All are members of one task group. When the node is dropped they are aborted, wherever they wait;
//! what a blocking thread has begun is finished there. So at each `await` of theirs the log is whole,
//! and what was acknowledged is in it (D1).
//!
//! A primary begins an epoch before it serves (D3); a directory with a follower's unfinished copy is
//! refused as a primary's.

use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::EventListener;
use futures_lite::future::or;
use runtime_traits::net::TcpListener;
use runtime_traits::task::TaskGroup;
use runtime_traits::{io, task, time};

use crate::engine::{Engine, Fsync, random};
use crate::log::files::Dir;
use crate::log::{OpenError, Report};
use crate::pubsub::Channels;
use crate::replication::follower;
use crate::server;

mod peers;

pub(crate) use peers::{Followers, Upstream};

/// What [`Settings::value_max`] may be: a command with a key and a value of this length fits into a
/// frame of the log.
pub const VALUE_MAX: usize = 256 << 20;

/// How a node behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whom it follows; a node that follows nobody is a primary.
    pub follow: Option<String>,
    /// When writes reach the disk.
    pub fsync: Fsync,
    /// How often nodes that have nothing to say to each other say so. A connection between nodes is
    /// given up after five heartbeats of the slower one without a word.
    pub heartbeat: Duration,
    /// Clients at a time; more are told so and let go.
    pub clients_max: usize,
    /// Bytes a value may have, at most [`VALUE_MAX`].
    pub value_max: usize,
    /// Bytes of messages that may wait for a client which has subscribed; then it is let go.
    pub mailbox_max: usize,
    /// The log is compacted when it has grown by so many bytes and by its last snapshot's size.
    pub compact_after: u64,
    /// Drops everything behind the first damaged byte of the log instead of refusing to start.
    pub cut_damaged: bool,
}

/// No other node is waited for as if it had a longer one.
const HEARTBEAT_MAX: Duration = Duration::from_secs(60);

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            follow: None,
            fsync: Fsync::EverySec,
            heartbeat: Duration::from_secs(1),
            clients_max: 20_000,
            value_max: 64 << 20,
            mailbox_max: 1 << 20,
            compact_after: 64 << 20,
            cut_damaged: false,
        }
    }
}

impl Settings {
    /// How long a node may be silent that has this heartbeat.
    pub(crate) fn patience(&self, theirs: Duration) -> Duration {
        self.heartbeat.max(theirs.min(HEARTBEAT_MAX)).saturating_mul(5)
    }
}

/// Why a node does not start.
#[derive(Debug)]
pub enum StartError {
    /// The data directory: in use, damaged, of a newer version, …
    Data(OpenError),
    /// The address cannot be listened at.
    Listen(io::Error),
    /// The first write failed.
    Write(String),
    /// The directory holds a follower's copy that was never finished.
    Unfinished,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Data(error) => error.fmt(f),
            StartError::Listen(error) => write!(f, "cannot listen: {error}"),
            StartError::Unfinished => f.write_str(
                "the data is a follower's copy that was never finished: follow its primary once more",
            ),
            StartError::Write(reason) => write!(f, "cannot write to the log: {reason}"),
        }
    }
}

impl std::error::Error for StartError {}

/// What all tasks of a node share.
pub(crate) struct Shared {
    /// A random number: who finds it in a chain follows himself.
    pub(crate) id: u64,
    pub(crate) engine: Arc<Engine>,
    pub(crate) settings: Settings,
    channels: Mutex<Channels>,
    pub(crate) clients: server::Clients,
    pub(crate) followers: Followers,
    pub(crate) upstream: Upstream,
}

impl Shared {
    /// This node and those that it follows, up to the primary.
    pub(crate) fn chain(&self) -> Vec<u64> {
        let mut chain = vec![self.id];
        chain.extend(self.upstream.chain());
        chain
    }

    /// Who listens to which channel.
    pub(crate) fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_follower(&self) -> bool {
        self.settings.follow.is_some()
    }

    /// Waits for growth of the log, but not longer than a heartbeat.
    pub(crate) async fn heartbeat(&self, growth: EventListener) {
        or(growth, time::sleep(self.settings.heartbeat)).await;
    }
}

/// Tells whoever runs the node, if anybody listens.
pub(crate) fn say(what: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "distridata: {what}");
}

/// A node that serves. Dropping it ends it; what was acknowledged stays.
pub struct Node {
    addr: SocketAddr,
    report: Report,
    tasks: TaskGroup<()>,
}

impl Node {
    /// Recovers what `dir` has and begins to serve at `listen`.
    ///
    /// # Cancellation
    ///
    /// Leaves running: the recovery goes on to its end.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    ///
    /// # Panics
    ///
    /// If a value may have more than [`VALUE_MAX`] bytes.
    pub async fn start(
        listen: SocketAddr,
        dir: Arc<dyn Dir>,
        settings: Settings,
    ) -> Result<Node, StartError> {
        let listener = TcpListener::bind(listen).await.map_err(StartError::Listen)?;
        Node::start_on(listener, dir, settings).await
    }

    /// The same at an address that is open already.
    ///
    /// # Cancellation
    ///
    /// Leaves running: the recovery goes on to its end.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    ///
    /// # Panics
    ///
    /// If values may be larger than [`VALUE_MAX`].
    pub async fn start_on(
        listener: TcpListener,
        dir: Arc<dyn Dir>,
        settings: Settings,
    ) -> Result<Node, StartError> {
        assert!(settings.value_max <= VALUE_MAX, "a value may have {VALUE_MAX} bytes at most");
        let addr = listener.local_addr().map_err(StartError::Listen)?;
        let opened = {
            let settings = settings.clone();
            task::spawn_blocking(move || Engine::open(dir, &settings)).await
        };
        let (engine, report) =
            opened.expect("recovery does not panic").map_err(StartError::Data)?;
        let shared = Arc::new(Shared {
            id: random(),
            engine: Arc::new(engine),
            channels: Mutex::new(Channels::new(settings.mailbox_max)),
            clients: server::Clients::default(),
            followers: Followers::default(),
            upstream: Upstream::default(),
            settings,
        });
        let tasks = begin(&shared, listener).await?;
        Ok(Node { addr, report, tasks })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What was found at the start.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Waits until the node fails: a task of it has panicked, or its runtime takes tasks no more.
    ///
    /// # Cancellation
    ///
    /// Safe; dropping the node itself ends it.
    pub async fn failed(&mut self) -> io::Error {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(())) => {}
                Some(Err(error)) => return io::Error::other(error),
                None => return io::Error::other("nothing runs any more"),
            }
        }
    }
}

async fn begin(shared: &Arc<Shared>, listener: TcpListener) -> Result<TaskGroup<()>, StartError> {
    let mut tasks = TaskGroup::new();
    tasks.spawn(Arc::clone(&shared.engine).write_groups());
    tasks.spawn(Arc::clone(&shared.engine).sync_every(Duration::from_secs(1)));
    tasks.spawn(Arc::clone(&shared.engine).compact_when_large(shared.settings.compact_after));
    match &shared.settings.follow {
        None => {
            if !shared.engine.is_whole() {
                return Err(StartError::Unfinished);
            }
            let begun = shared.engine.begin_epoch().await;
            begun.map_err(|reason| StartError::Write(reason.to_string()))?;
            tasks.spawn(Arc::clone(&shared.engine).delete_expired());
        }
        Some(primary) => {
            let (shared, primary) = (Arc::clone(shared), primary.clone());
            tasks.spawn(async move { follower::follow(&shared, &primary).await });
        }
    }
    tasks.spawn(server::accept(Arc::clone(shared), listener));
    Ok(tasks)
}
