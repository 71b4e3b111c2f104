//! A process that was forked off (SIGNAL-4).

use runtime_traits::Handle;
use runtime_traits::process::Command;
use rustix::process::Signal as Number;

use super::{in_a_child, is_silent, on, raise};
use crate::support::with_every_runtime;

with_every_runtime! {
    /// Between fork and exec, the child has the parent's handlers and descriptors.
    fn signals_of_a_forked_process_stay_there(start: Start) {
        in_a_child(|| {
            start().block_on(async {
                let mut listener = on(&Handle::current());
                let mut child = Command::new("true");
                let raises = || {
                    (0..3).for_each(|_| raise(Number::USR1));
                    Ok(())
                };
                // SAFETY: `getpid` and `kill` are async-signal-safe, and `unwrap` of a success does
                // nothing.
                unsafe { child.pre_exec(raises) };
                assert!(child.status().await.unwrap().success());
                assert!(is_silent(&mut listener).await);
                raise(Number::USR1);
                listener.recv().await.unwrap();
            });
        });
    }
}
