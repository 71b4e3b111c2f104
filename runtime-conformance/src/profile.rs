//! Profiles: sets of capabilities that people mean when they say "it conforms".

use crate::Cap;

/// A profile.
#[derive(Debug, PartialEq)]
pub(crate) struct Profile {
    /// For `--profile`.
    pub(crate) name: &'static str,
    /// For reports.
    pub(crate) title: &'static str,
    /// What a runtime declares to reach it.
    pub(crate) caps: &'static [Cap],
}

/// From the smallest to the largest; *sim* stands beside them.
pub(crate) const PROFILES: &[Profile] = &[
    Profile { name: "core", title: "core", caps: &[Cap::Core, Cap::Unwind, Cap::Iso] },
    Profile {
        name: "time",
        title: "core+time",
        caps: &[Cap::Core, Cap::Unwind, Cap::Iso, Cap::Time],
    },
    Profile {
        name: "net",
        title: "net",
        caps: &[Cap::Core, Cap::Unwind, Cap::Iso, Cap::Time, Cap::Fd, Cap::Tcp, Cap::Udp, Cap::Io],
    },
    Profile {
        name: "unix",
        title: "full-unix",
        caps: &[
            Cap::Core,
            Cap::Unwind,
            Cap::Iso,
            Cap::Time,
            Cap::Fd,
            Cap::Tcp,
            Cap::Udp,
            Cap::Io,
            Cap::Block,
            Cap::Local,
            Cap::Blk,
            Cap::Uds,
            Cap::Fs,
            Cap::Proc,
            Cap::Sig,
        ],
    },
    Profile {
        name: "sim",
        title: "sim",
        caps: &[Cap::Core, Cap::Unwind, Cap::Iso, Cap::Time, Cap::Simtime],
    },
];

/// The title of the largest profile whose capabilities are all there and of whose clauses, the ones
/// for which `failed` is true of their needs, none failed.
pub(crate) fn reached(
    has: impl Fn(Cap) -> bool,
    failed: impl Fn(&[Cap]) -> bool,
) -> Option<&'static str> {
    let whole = PROFILES.iter().filter(|profile| profile.caps.iter().all(|cap| has(*cap)));
    let kept = whole.filter(|profile| !failed(profile.caps));
    kept.max_by_key(|profile| profile.caps.len()).map(|profile| profile.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_profile_that_nothing_spoils_is_reached() {
        let core = |cap: Cap| matches!(cap, Cap::Core | Cap::Unwind | Cap::Iso);
        assert_eq!(reached(core, |_| false), Some("core"));
        assert_eq!(reached(|_| true, |_| false), Some("full-unix"));
        assert_eq!(reached(|_| true, |caps| caps.contains(&Cap::Fd)), Some("sim"));
        assert_eq!(reached(|_| true, |_| true), None);
        assert_eq!(reached(|_| false, |_| false), None);
    }
}
