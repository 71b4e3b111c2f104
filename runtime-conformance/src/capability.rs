//! What a runtime can have beyond the core, as the clauses name it.

use std::fmt;

/// Something that clauses ask for and a runtime may lack.
///
/// The suite's capabilities are finer than the hooks' ([`runtime_traits::Capability`]): two of them
/// may come from one hook, and some belong to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cap {
    /// Tasks. Every runtime has it.
    Core,
    /// A thread can be blocked on a future (`BlockOn`).
    Block,
    /// Two or more workers that poll at the same time.
    Mt,
    /// `block_on` may be called from several threads at once.
    Shared,
    /// Tasks that need not be `Send`.
    Local,
    /// A clock and timers.
    Time,
    /// The clock is virtual: it stands still until nothing can run.
    Simtime,
    /// Readiness of descriptors.
    Fd,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Unix-domain sockets.
    Uds,
    /// The I/O traits on streams.
    Io,
    /// Operations that own their buffer.
    Own,
    /// Files.
    Fs,
    /// Closures that block.
    Blk,
    /// Child processes.
    Proc,
    /// Signals.
    Sig,
    /// A runtime can be made in a process that was forked off, whatever its parent had: nothing that
    /// it needs is shared by the process. Asked on Linux only.
    Fork,
    /// Panics unwind in this build. The suite knows by itself.
    Unwind,
    /// Scopes are guards that can be dropped in any order. The interface has none, so it is not to be
    /// declared: its own case, `CAP-guard`, fails.
    Guard,
    /// There is a runtime without one being entered.
    Global,
    /// Always-ready work gives way by itself.
    Coop,
    /// Tests run in processes of their own. The suite knows by itself.
    Iso,
    /// Limits of the process may be lowered: the user is not root. The suite knows by itself.
    Limit,
}

impl Cap {
    /// All of them.
    pub const ALL: &'static [Cap] = &[
        Cap::Core,
        Cap::Block,
        Cap::Mt,
        Cap::Shared,
        Cap::Local,
        Cap::Time,
        Cap::Simtime,
        Cap::Fd,
        Cap::Tcp,
        Cap::Udp,
        Cap::Uds,
        Cap::Io,
        Cap::Own,
        Cap::Fs,
        Cap::Blk,
        Cap::Proc,
        Cap::Sig,
        Cap::Fork,
        Cap::Unwind,
        Cap::Guard,
        Cap::Global,
        Cap::Coop,
        Cap::Iso,
        Cap::Limit,
    ];

    /// The word used in the table of clauses and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Cap::Core => "core",
            Cap::Block => "block",
            Cap::Mt => "mt",
            Cap::Shared => "shared",
            Cap::Local => "local",
            Cap::Time => "time",
            Cap::Simtime => "simtime",
            Cap::Fd => "fd",
            Cap::Tcp => "tcp",
            Cap::Udp => "udp",
            Cap::Uds => "uds",
            Cap::Io => "io",
            Cap::Own => "own",
            Cap::Fs => "fs",
            Cap::Blk => "blk",
            Cap::Proc => "proc",
            Cap::Sig => "sig",
            Cap::Fork => "fork",
            Cap::Unwind => "unwind",
            Cap::Guard => "guard",
            Cap::Global => "global",
            Cap::Coop => "coop",
            Cap::Iso => "iso",
            Cap::Limit => "limit",
        }
    }

    /// The capability of this name.
    pub fn named(name: &str) -> Option<Cap> {
        Cap::ALL.iter().copied().find(|cap| cap.name() == name)
    }

    /// Whether the suite finds out by itself; `None`: the harness has to declare it.
    pub(crate) fn known(self) -> Option<bool> {
        match self {
            Cap::Core | Cap::Iso => Some(true),
            Cap::Unwind => Some(cfg!(panic = "unwind")),
            Cap::Limit => Some(!is_root()),
            _ => None,
        }
    }
}

/// Root is above the limits that a process sets for itself.
fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)).is_none_or(|effective| effective == "0")
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        assert!(Cap::ALL.iter().all(|&cap| Cap::named(cap.name()) == Some(cap)));
        assert_eq!(Cap::named("nothing"), None);
    }
}
