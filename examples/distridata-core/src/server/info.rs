//! What INFO answers: sections of `name:value` lines, as redis has them.

use std::fmt::{Display, Write};

use runtime_traits::Handle;

use crate::engine::Fsync;
use crate::node::Shared;
use crate::resp::Args;

type Section = (&'static str, fn(&Shared, &mut Lines));

const SECTIONS: [Section; 5] = [
    ("Server", server),
    ("Runtime", runtime),
    ("Clients", clients),
    ("Persistence", persistence),
    ("Replication", replication),
];

const KEYSPACE: &str = "Keyspace";

/// The sections that are asked for; all, if none is.
pub(super) async fn text(shared: &Shared, wanted: Args<'_>) -> String {
    let is_wanted = |name: &str| {
        let all = ["all", "default", "everything"];
        let asks = |word: &[u8]| {
            word.eq_ignore_ascii_case(name.as_bytes())
                || all.iter().any(|all| word.eq_ignore_ascii_case(all.as_bytes()))
        };
        wanted.is_empty() || wanted.iter().any(asks)
    };
    let sections = SECTIONS.iter().filter(|(name, _)| is_wanted(name));
    let texts = sections.map(|(name, fill)| {
        let mut lines = Lines::new(name);
        fill(shared, &mut lines);
        lines.0
    });
    let mut texts: Vec<String> = texts.collect();
    if is_wanted(KEYSPACE) {
        texts.push(keyspace(shared).await);
    }
    texts.join("\r\n")
}

struct Lines(String);

impl Lines {
    fn new(section: &str) -> Lines {
        Lines(format!("# {section}\r\n"))
    }

    fn put(&mut self, name: &str, value: impl Display) {
        // Writing to a string does not fail.
        let _ = write!(self.0, "{name}:{value}\r\n");
    }
}

fn server(shared: &Shared, lines: &mut Lines) {
    lines.put("distridata_version", env!("CARGO_PKG_VERSION"));
    lines.put("process_id", std::process::id());
    lines.put("node_id", format_args!("{:016x}", shared.id));
}

fn runtime(_: &Shared, lines: &mut Lines) {
    let Ok(handle) = Handle::try_current() else { return };
    let metrics = handle.metrics();
    lines.put("runtime", handle.info().name);
    let counts = [
        ("runtime_tasks", metrics.tasks_alive),
        ("runtime_queue", metrics.queue_depth),
        ("runtime_polls", metrics.polls),
        ("runtime_steals", metrics.steals),
        ("runtime_parks", metrics.parks),
        ("runtime_timers", metrics.timers),
        ("runtime_sources", metrics.sources),
        ("runtime_blocking_threads", metrics.blocking_threads),
    ];
    // What a runtime does not count is left out.
    counts.iter().filter_map(|(name, count)| Some((name, (*count)?))).for_each(|(name, count)| {
        lines.put(name, count);
    });
}

fn clients(shared: &Shared, lines: &mut Lines) {
    let (now, ever, commands) = shared.clients.counts();
    lines.put("connected_clients", now);
    lines.put("maxclients", shared.settings.clients_max);
    lines.put("total_connections_received", ever);
    lines.put("total_commands_processed", commands);
}

fn persistence(shared: &Shared, lines: &mut Lines) {
    let tail = shared.engine.tail();
    let fsync = match shared.settings.fsync {
        Fsync::Always => "always",
        Fsync::EverySec => "everysec",
    };
    lines.put("fsync", fsync);
    lines.put("log_begin", tail.first_offset());
    lines.put("log_end", shared.engine.safe());
    if let Some((snapshot, _)) = tail.newest_snapshot() {
        lines.put("snapshot_offset", snapshot.offset());
        lines.put("snapshot_bytes", snapshot.body_len());
    }
}

fn replication(shared: &Shared, lines: &mut Lines) {
    let (epoch, safe) = shared.engine.position();
    lines.put("role", if shared.is_follower() { "slave" } else { "master" });
    lines.put("epoch", epoch);
    lines.put("master_repl_offset", safe);
    if let Some(primary) = &shared.settings.follow {
        let known = shared.upstream.known();
        lines.put("following", primary);
        lines.put("master_link_status", if known.is_connected { "up" } else { "down" });
        lines.put("master_end", known.end);
        lines.put("catching_up", u8::from(!shared.engine.is_whole()));
        if let Some(error) = known.error {
            lines.put("last_link_error", error);
        }
    }
    let followers = shared.followers.list();
    lines.put("connected_slaves", followers.len());
    for (at, follower) in followers.iter().enumerate() {
        let (addr, offset) = (follower.addr, follower.safe());
        let lag = safe.saturating_sub(offset);
        lines.put(&format!("slave{at}"), format_args!("addr={addr},offset={offset},lag={lag}"));
    }
}

/// The one section about the data: it waits until what it says is safe (D1). If that was undone,
/// it says nothing.
async fn keyspace(shared: &Shared) -> String {
    let mut lines = Lines::new(KEYSPACE);
    let seen = shared.engine.with(|transaction, _| transaction.store.len());
    let is_safe = match seen.ticket {
        Some(group) => group.ended().await.is_ok(),
        None => true,
    };
    if is_safe {
        lines.put("db0", format_args!("keys={}", seen.result));
    }
    lines.0
}
