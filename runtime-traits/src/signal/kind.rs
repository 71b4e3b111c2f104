//! Which signal.

use core::fmt;

/// Which signal to listen for: on Unix a signal, on Windows a console event.
///
/// ```
/// # #[cfg(unix)] {
/// use runtime_traits::signal::SignalKind;
/// assert_eq!(SignalKind::from_raw(15), SignalKind::TERMINATE);
/// assert_eq!(SignalKind::TERMINATE.as_raw(), 15);
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(i32);

impl SignalKind {
    /// The signal of this number. Whether there is one, [`signal`](super::signal()) tells.
    pub const fn from_raw(number: i32) -> SignalKind {
        SignalKind(number)
    }

    /// Its number.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    const fn name(self) -> Option<&'static str> {
        let mut at = 0;
        while at < NAMED.len() {
            if NAMED[at].0 == self.0 {
                return Some(NAMED[at].1);
            }
            at += 1;
        }
        None
    }
}

impl fmt::Debug for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "SignalKind({})", self.0),
        }
    }
}

/// Constants, and their names for `Debug`.
macro_rules! kinds {
    ($($(#[$attr:meta])* $name:ident = $number:expr;)*) => {
        impl SignalKind {
            $($(#[$attr])* pub const $name: SignalKind = SignalKind($number);)*
        }

        const NAMED: &[(i32, &str)] = &[$(($number, stringify!($name)),)*];
    };
}

#[cfg(unix)]
use rustix::process::Signal as Number;

#[cfg(unix)]
kinds! {
    /// `SIGALRM`: a timer of the process's is over.
    ALARM = Number::ALARM.as_raw();
    /// `SIGCHLD`: a child exited, or stopped.
    CHILD = Number::CHILD.as_raw();
    /// `SIGHUP`: the terminal is gone; to daemons, read the settings again.
    HANGUP = Number::HUP.as_raw();
    /// `SIGINT`: Ctrl-C.
    INTERRUPT = Number::INT.as_raw();
    /// `SIGIO`: a descriptor is ready.
    IO = Number::IO.as_raw();
    /// `SIGPIPE`: a write to a pipe that nobody reads. Rust programs ignore it to begin with.
    PIPE = Number::PIPE.as_raw();
    /// `SIGQUIT`: Ctrl-\.
    QUIT = Number::QUIT.as_raw();
    /// `SIGTERM`: end, please.
    TERMINATE = Number::TERM.as_raw();
    /// `SIGUSR1`: whatever the program takes it for.
    USER_DEFINED1 = Number::USR1.as_raw();
    /// `SIGUSR2`: whatever the program takes it for.
    USER_DEFINED2 = Number::USR2.as_raw();
    /// `SIGWINCH`: the terminal has another size.
    WINDOW_CHANGE = Number::WINCH.as_raw();
}

#[cfg(windows)]
kinds! {
    /// Ctrl-C.
    CTRL_C = 0;
    /// Ctrl-Break.
    CTRL_BREAK = 1;
    /// The console window is closed. The system ends the process when its handlers have returned,
    /// so there is little time.
    CTRL_CLOSE = 2;
    /// The user logs off (services only).
    CTRL_LOGOFF = 5;
    /// The system goes down (services only).
    CTRL_SHUTDOWN = 6;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn kinds_show_their_names() {
        let (number, name) = NAMED[0];
        assert_eq!(format!("{:?}", SignalKind::from_raw(number)), name);
        assert_eq!(format!("{:?}", SignalKind::from_raw(99)), "SignalKind(99)");
    }
}
