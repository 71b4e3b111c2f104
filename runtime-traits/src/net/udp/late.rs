//! What stopped a batch half-way, until it is told (B2 of `batch`).

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::hooks::After;
use crate::io;

/// Errors that nobody was told yet. One for each batch that was stopped; batches that run side by side may
/// leave several.
#[derive(Debug, Default)]
pub(super) struct Late(Mutex<VecDeque<io::Error>>);

impl Late {
    fn lock(&self) -> MutexGuard<'_, VecDeque<io::Error>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest.
    pub(super) fn take(&self) -> Option<io::Error> {
        self.lock().pop_front()
    }

    /// Keeps what stopped a batch, if it is an error to be told; answers what comes after that.
    pub(super) fn keep(&self, stopped: Option<io::Error>) -> After {
        match stopped {
            None => After::More,
            Some(error) if error.kind() == io::ErrorKind::WouldBlock => After::Drained,
            Some(error) => {
                self.lock().push_back(error);
                After::More
            }
        }
    }

    /// Calls `each` with 0, 1, … until one fails, and answers how many did not (B1).
    pub(super) fn gather(
        &self,
        len: usize,
        mut each: impl FnMut(usize) -> io::Result<()>,
    ) -> io::Result<(usize, After)> {
        for i in 0..len {
            match each(i) {
                Ok(()) => {}
                Err(error) if i == 0 => return Err(error),
                Err(error) => return Ok((i, self.keep(Some(error)))),
            }
        }
        Ok((len, After::More))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use io::ErrorKind::{ConnectionRefused, InvalidInput, WouldBlock};

    /// What a batch of four answers if the datagram at `stop` fails.
    fn gather(
        late: &Late,
        stop: usize,
        kind: io::ErrorKind,
    ) -> Result<(usize, After), io::ErrorKind> {
        let each = |i| if i == stop { Err(kind.into()) } else { Ok(()) };
        late.gather(4, each).map_err(|error| error.kind())
    }

    #[test]
    fn what_would_block_ends_a_batch_and_is_no_error() {
        let late = Late::default();
        assert_eq!(gather(&late, 0, WouldBlock), Err(WouldBlock));
        assert_eq!(gather(&late, 3, WouldBlock), Ok((3, After::Drained)));
        assert_eq!(gather(&late, 9, WouldBlock), Ok((4, After::More)));
    }

    #[test]
    fn an_error_half_way_is_told_by_the_next_and_once() {
        let late = Late::default();
        assert_eq!(gather(&late, 0, ConnectionRefused), Err(ConnectionRefused));
        assert_eq!(gather(&late, 2, ConnectionRefused), Ok((2, After::More)));
        assert_eq!(late.take().map(|error| error.kind()), Some(ConnectionRefused));
        assert_eq!(gather(&late, 9, WouldBlock), Ok((4, After::More)));
        assert!(late.take().is_none());
    }

    #[test]
    fn of_several_each_is_told() {
        let late = Late::default();
        for kind in [ConnectionRefused, InvalidInput] {
            assert_eq!(gather(&late, 1, kind), Ok((1, After::More)));
        }
        let told = [late.take(), late.take()].map(|error| error.map(|error| error.kind()));
        assert_eq!(told, [Some(ConnectionRefused), Some(InvalidInput)]);
    }
}
