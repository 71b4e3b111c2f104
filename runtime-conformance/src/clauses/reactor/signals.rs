//! REACTOR-8: waits that are interrupted.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};

use runtime_traits::time::{Duration, sleep};

use super::readiness::{pair, read_byte, register};
use crate::clauses::tcp::steps::{byte_at, in_task};
use crate::rig::{Rig, timer};
use crate::toolbox::within_watchdog;

/// A process that stops this one and lets it go on, about a thousand times a second. Both interrupt
/// every thread in the kernel, as a signal with a handler does, and no handler is needed.
///
/// Ends, with this process going on, when it is told to.
pub(crate) struct Storm(Child);

/// It waits until this process has stopped, since a stop that is taken back before interrupts nobody;
/// then, after it has let it go on, it counts for a while.
const SCRIPT: &str = "run=1; trap 'run=0' TERM; n=0; echo ready
while [ $run = 1 ]; do
  kill -STOP $0 2> /dev/null || exit; i=0
  while [ $i -lt 1000 ]; do
    i=$((i+1)); read id name state rest < /proc/$0/stat || break
    [ \"$state\" = T ] && break
  done 2> /dev/null
  kill -CONT $0; n=$((n+1)); i=0
  while [ $i -lt 150 ]; do i=$((i+1)); done
done
kill -CONT $0; echo $n";

impl Storm {
    /// Begins; returns when it has.
    pub(crate) fn begin() -> io::Result<Storm> {
        let me = std::process::id().to_string();
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, &me])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = shell.stdout.as_mut().expect("asked for").read_exact(&mut [0; 6]);
        said.map(|()| Storm(shell))
    }

    /// Ends; how often this process was interrupted.
    pub(crate) fn end(mut self) -> u64 {
        let id = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let mut count = String::new();
        if let Some(stdout) = &mut self.0.stdout {
            let _ =
                within_watchdog("a storm of signals to end", || stdout.read_to_string(&mut count));
        }
        let _ = self.0.wait();
        count.trim().parse().unwrap_or_default()
    }
}

/// How long a timer is, beside the storm: longer than a busy machine leaves the storm without a turn.
const NAP: Duration = Duration::from_secs(1);
const ROUNDS: usize = 200;
/// How often the process has to have been interrupted for this to show anything.
const INTERRUPTIONS_MIN: u64 = 5;

/// REACTOR-8: signals that interrupt the wait are invisible: no error, no panic; a deadline is neither
/// cut short nor begun anew.
///
/// Method: another process stops this one and lets it go on, all the time. Bytes go back and forth. Then
/// a timer of a second is not ready before its deadline, and ready while the storm goes on; nothing
/// else happens meanwhile. The storm ends when all is done, so a wait that begins anew at each signal
/// never ends.
///
/// If this fails with a hang, look for a wait that is repeated with the time it began with.
pub(super) fn reactor_8_interrupted_waits_are_invisible(rig: &Rig<'_>) {
    let rt = rig.rt();
    let (ours, theirs) = pair(rig);
    let storm = rig.setup("a shell that sends signals", Storm::begin());
    let ends = rt.clone();
    in_task(rig, &rt, "REACTOR-8: bytes, then a timer, in a storm of signals", async move {
        let register = |end| ends.enter(|| register("REACTOR-8", end));
        let (ours, theirs) = (register(ours), register(theirs));
        for place in 0..ROUNDS {
            let byte = [byte_at(place)];
            let wrote = ours.write_with(|mut stream| stream.write(&byte)).await;
            assert!(matches!(wrote, Ok(1)), "REACTOR-8: sending byte {place} gave {wrote:?}");
            assert_eq!(read_byte("REACTOR-8", &theirs).await, byte[0], "REACTOR-8: byte {place}");
        }
        // Alone: any other event would end the wait, and hide what signals do to it.
        let nap = ends.enter(|| sleep(NAP));
        let deadline = nap.deadline();
        nap.await;
        let now = timer(ends.handle()).now();
        assert!(now >= deadline, "REACTOR-8: signals cut a timer short by {:?}", deadline - now);
    });
    rig.witness("interruptions", storm.end(), INTERRUPTIONS_MIN);
    rig.shutdown(rt);
}
