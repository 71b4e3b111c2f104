//! Child processes.
//!
//! `status` has PROC-1 and PROC-6: how a child ended; `gone` PROC-2 and PROC-3: what becomes of it;
//! `pipes` PROC-4; `inherited` PROC-5. The children are programs that every Unix has, and end when they
//! are told to: by the end of their input, or by themselves. That one *has* exited is asked of the
//! kernel, which tells without taking the status away.
//!
//! Children are started with `Rt::enter`, so a mutant breaks them at the hook.

#[cfg(unix)]
mod gone;
#[cfg(unix)]
mod inherited;
#[cfg(unix)]
mod pipes;
#[cfg(unix)]
mod status;

use crate::case::{Case, Untested};

#[cfg(unix)]
pub(crate) use unix::{is_gone, sh, start, wait_until_exited, wait_until_gone, waiting_cat};

#[cfg(unix)]
pub(crate) const CASES: &[Case] = &[
    Case::new("PROC-1", status::proc_1_each_status_is_the_child_s_own),
    Case::new("PROC-1", status::proc_1_what_is_no_exit_changes_nothing)
        .part("spurious", "is a child that was stopped and continued awaited until it exits?"),
    Case::new("PROC-2", gone::proc_2_no_zombie_stays),
    Case::new("PROC-3", gone::proc_3_killing)
        .part("kill", "does killing end a child, and is it no error afterwards?"),
    Case::new("PROC-3", gone::proc_3_kill_on_drop).part(
        "on-drop",
        "is a child killed when it is dropped, if that was asked for, and only then?",
    ),
    Case::new("PROC-3", gone::proc_3_who_collects_holds_the_child)
        .part("output", "is all output collected of a child that is to be killed when dropped?"),
    Case::new("PROC-4", pipes::proc_4_waiting_closes_an_untaken_input)
        .part("stdin", "is a child told the end of an input that nobody took?"),
    Case::new("PROC-4", pipes::proc_4_both_outputs_are_collected_side_by_side)
        .part("output", "are megabytes on both outputs collected, in either order?"),
    Case::new("PROC-4", pipes::proc_4_waiting_ends_with_the_child)
        .part("grandchild", "does waiting end though a grandchild keeps the pipes?"),
    #[cfg(target_os = "linux")]
    Case::new("PROC-5", inherited::proc_5_a_child_inherits_what_was_meant_for_it),
    Case::new("PROC-6", status::proc_6_who_has_exited_before_is_reported)
        .part("before", "are two hundred children reported that had exited before anybody waited?"),
    Case::new("PROC-6", status::proc_6_who_exit_at_once_are_reported)
        .part("at-once", "is each of a hundred children reported that exit at the same time?"),
];

#[cfg(not(unix))]
pub(crate) const CASES: &[Case] = &[];

pub(crate) const UNTESTED: &[Untested] = &[];

/// Starting children, and what the kernel knows of them.
#[cfg(unix)]
mod unix {
    use std::thread;
    use std::time::Duration;

    use runtime_traits::process::{Child, ChildStdin, Command, Stdio};
    use rustix::io::Errno;
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

    use crate::rig::Rig;
    use crate::rt::Rt;
    use crate::toolbox::within_watchdog;

    /// Starts a child of `rt`. What not even std can start is the machine's fault.
    pub(crate) fn start(rig: &Rig<'_>, rt: &Rt, id: &str, command: &mut Command) -> Child {
        rt.enter(|| command.spawn()).unwrap_or_else(|error| {
            let control = std::process::Command::new("true").status();
            rig.setup("starting a process", control);
            panic!("{id}: {command:?} could not be started: {error}")
        })
    }

    /// A command of the shell's. Its input is empty unless that is set.
    pub(crate) fn sh(script: &str) -> Command {
        let mut sh = Command::new("sh");
        sh.arg("-c").arg(script).stdin(Stdio::null());
        sh
    }

    /// A child that ends with its input.
    pub(crate) fn waiting_cat(rig: &Rig<'_>, rt: &Rt, id: &str) -> (Child, ChildStdin) {
        let mut cat = Command::new("cat");
        let mut child = start(rig, rt, id, cat.stdin(Stdio::piped()).stdout(Stdio::null()));
        let stdin = child.stdin.take();
        (child, stdin.unwrap_or_else(|| panic!("{id}: the input that was piped is not there")))
    }

    /// How often the kernel is asked.
    const BETWEEN: Duration = Duration::from_millis(1);

    fn ask(id: u32, how: WaitIdOptions) -> Result<bool, Errno> {
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(Errno::CHILD)?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | how;
        loop {
            match waitid(WaitId::Pid(pid), options) {
                Err(Errno::INTR) => {}
                answer => return answer.map(|status| status.is_some()),
            }
        }
    }

    /// Whether there is nothing left of a child of ours, not even a zombie.
    pub(crate) fn is_gone(id: u32) -> bool {
        ask(id, WaitIdOptions::NOHANG) == Err(Errno::CHILD)
    }

    /// Returns when a child of ours has exited, reaped or not.
    pub(crate) fn wait_until_exited(id: u32) {
        let hang = format!("the process {id}, which should end by itself, to end");
        let _ = within_watchdog(&hang, || ask(id, WaitIdOptions::empty()));
    }

    /// Returns when nothing is left of a child; until then a hang is reported as `waiting_for`.
    pub(crate) fn wait_until_gone(id: u32, waiting_for: &str) {
        within_watchdog(waiting_for, || {
            while !is_gone(id) {
                thread::sleep(BETWEEN); // gives whoever reaps it a chance; orders nothing
            }
        });
    }
}
