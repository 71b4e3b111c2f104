//! Connecting to a name that has addresses of both families ("happy eyeballs", RFC 8305).
//!
//! A host may have an IPv6 address that leads nowhere, and no error says so for minutes. So the
//! families take turns, and nobody waits long for one address before the next is tried as well:
//!
//! ```text
//!   [::1] ──────────────────────────────────▶ (nothing)          dropped
//!      └ 250 ms ─▶ 10.0.0.1 ──▶ refused
//!                     └ at once ─▶ [::2] ──────▶ connected       the answer
//! ```
//!
//! [`Plan`] decides and is plain data; [`race`] does it.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::boxed::Box;
use std::error::Error;
use std::vec::{self, Vec};

use super::SocketAddr;
use crate::time::Sleep;
use crate::{Gone, Handle, io};

/// How long one address has before the next is tried as well (RFC 8305, section 8).
const DELAY: Duration = Duration::from_millis(250);

/// Whether there is something to race.
pub(super) fn both_families(addrs: &[SocketAddr]) -> bool {
    addrs.iter().any(SocketAddr::is_ipv4) && addrs.iter().any(SocketAddr::is_ipv6)
}

/// Connects to whichever of the addresses answers first, in the order of the families.
pub(super) async fn race<T, F>(
    handle: &Handle,
    addrs: Vec<SocketAddr>,
    start: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut plan = Plan::new(addrs);
    let mut delay = Sleep::on(handle.clone(), |timer| timer.now() + DELAY)?;
    let (mut flying, mut failed) = (Vec::new(), Vec::new());
    let mut todo = plan.on(News::Begin);
    loop {
        match todo {
            Todo::Start(addr) => {
                flying.push(Attempt { addr, connect: Box::pin(start(addr)) });
                delay.reset(delay.now() + DELAY);
            }
            Todo::Wait => {}
            Todo::GiveUp => return Err(nobody_answers(failed)),
        }
        let timed = plan.has_more().then_some(&mut delay);
        todo = plan.on(match next(&mut flying, timed).await? {
            Event::Connected(connected) => return Ok(connected),
            Event::Failed(addr, error) => {
                failed.push((addr, error));
                News::Failed
            }
            Event::Late => News::Late,
        });
    }
}

struct Attempt<F> {
    addr: SocketAddr,
    connect: Pin<Box<F>>,
}

enum Event<T> {
    Connected(T),
    Failed(SocketAddr, io::Error),
    Late,
}

/// What happens first; a connection comes before the delay.
async fn next<T, F>(
    flying: &mut Vec<Attempt<F>>,
    mut timed: Option<&mut Sleep>,
) -> Result<Event<T>, Gone>
where
    F: Future<Output = io::Result<T>>,
{
    poll_fn(|cx| {
        if let Some(event) = poll_attempts(flying, cx) {
            return Poll::Ready(Ok(event));
        }
        match &mut timed {
            Some(delay) => delay.poll_elapsed(cx).map_ok(|()| Event::Late),
            None => Poll::Pending,
        }
    })
    .await
}

fn poll_attempts<T, F>(flying: &mut Vec<Attempt<F>>, cx: &mut Context<'_>) -> Option<Event<T>>
where
    F: Future<Output = io::Result<T>>,
{
    for i in 0..flying.len() {
        match flying[i].connect.as_mut().poll(cx) {
            Poll::Ready(Ok(connected)) => return Some(Event::Connected(connected)),
            Poll::Ready(Err(error)) => return Some(Event::Failed(flying.remove(i).addr, error)),
            Poll::Pending => {}
        }
    }
    None
}

/// What is to be tried, and how many attempts are under way.
struct Plan {
    waiting: vec::IntoIter<SocketAddr>,
    flying: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    Begin,
    /// An attempt failed.
    Failed,
    /// Nothing happened for as long as one address has.
    Late,
}

/// What must be done.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Todo {
    /// Try this one too; its time begins.
    Start(SocketAddr),
    Wait,
    /// All have failed.
    GiveUp,
}

impl Plan {
    fn new(addrs: Vec<SocketAddr>) -> Plan {
        Plan { waiting: in_turns(addrs).into_iter(), flying: 0 }
    }

    /// Whether being late matters.
    fn has_more(&self) -> bool {
        self.waiting.len() > 0
    }

    fn on(&mut self, news: News) -> Todo {
        if news == News::Failed {
            self.flying -= 1;
        }
        match self.waiting.next() {
            Some(addr) => {
                self.flying += 1;
                Todo::Start(addr)
            }
            None if self.flying > 0 => Todo::Wait,
            None => Todo::GiveUp,
        }
    }
}

/// The families take turns, the resolver's favourite first; within a family its order stays.
fn in_turns(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let favourite = addrs.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addrs.into_iter().partition(|addr| addr.is_ipv6() == favourite);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::with_capacity(first.len() + second.len());
    while first.len() + second.len() > 0 {
        turns.extend(first.next());
        turns.extend(second.next());
    }
    turns
}

/// Every address with its error. The kind is that of the last to fail.
///
/// An error that names several has no number of the system's; so if all have the same, it is the last
/// itself, as where there is no race.
fn nobody_answers(mut failed: Vec<(SocketAddr, io::Error)>) -> io::Error {
    if let Some((addr, last)) = failed.pop() {
        let number = last.raw_os_error();
        if number.is_some() && failed.iter().all(|(_, error)| error.raw_os_error() == number) {
            return last;
        }
        failed.push((addr, last));
    }
    let kind = failed.last().map_or(io::ErrorKind::InvalidInput, |(_, error)| error.kind());
    io::Error::new(kind, NobodyAnswers(failed))
}

#[derive(Debug)]
struct NobodyAnswers(Vec<(SocketAddr, io::Error)>);

impl fmt::Display for NobodyAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no address of the name answers")?;
        for (i, (addr, error)) in self.0.iter().enumerate() {
            write!(f, "{} {addr}: {error}", if i == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl Error for NobodyAnswers {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.last().map(|(_, error)| error as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    /// An address of family 4 or 6, with a number.
    fn addr(family: u8, n: u16) -> SocketAddr {
        match family {
            4 => SocketAddr::from(([127, 0, 0, 1], n)),
            _ => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], n)),
        }
    }

    fn addrs(of: &[(u8, u16)]) -> Vec<SocketAddr> {
        of.iter().map(|(family, n)| addr(*family, *n)).collect()
    }

    #[test]
    fn families_take_turns_and_the_first_address_stays_first() {
        for (given, turns) in [
            (&[][..], &[][..]),
            (&[(6, 1)], &[(6, 1)]),
            (&[(6, 1), (6, 2), (4, 3), (4, 4)], &[(6, 1), (4, 3), (6, 2), (4, 4)]),
            (&[(4, 1), (6, 2), (6, 3), (6, 4)], &[(4, 1), (6, 2), (6, 3), (6, 4)]),
            (&[(4, 1), (4, 2), (4, 3), (6, 4)], &[(4, 1), (6, 4), (4, 2), (4, 3)]),
        ] {
            assert_eq!(in_turns(addrs(given)), addrs(turns), "{given:?}");
        }
    }

    #[test]
    fn there_is_a_race_only_between_families() {
        for (given, races) in [
            (&[][..], false),
            (&[(6, 1), (6, 2)], false),
            (&[(4, 1)], false),
            (&[(4, 1), (4, 2), (6, 1)], true),
        ] {
            assert_eq!(both_families(&addrs(given)), races, "{given:?}");
        }
    }

    /// Each row: the news, and what is to be done then.
    #[test]
    fn the_next_is_tried_when_one_is_late_or_has_failed() {
        use News::*;
        use Todo::*;
        let (one, two, three) = (addr(6, 1), addr(4, 2), addr(6, 3));
        for rows in [
            &[(Begin, Start(one)), (Late, Start(two)), (Late, Start(three)), (Failed, Wait)][..],
            &[(Begin, Start(one)), (Failed, Start(two)), (Failed, Start(three)), (Failed, GiveUp)],
            &[
                (Begin, Start(one)),
                (Late, Start(two)),
                (Failed, Start(three)),
                (Failed, Wait),
                (Failed, GiveUp),
            ],
        ] {
            let mut plan = Plan::new(vec![one, three, two]);
            for (news, todo) in rows {
                assert_eq!(plan.on(*news), *todo, "{rows:?}");
            }
        }
    }

    #[test]
    fn being_late_matters_while_there_is_another() {
        let mut plan = Plan::new(addrs(&[(6, 1), (4, 2)]));
        assert_eq!(plan.on(News::Begin), Todo::Start(addr(6, 1)));
        assert!(plan.has_more());
        assert_eq!(plan.on(News::Late), Todo::Start(addr(4, 2)));
        assert!(!plan.has_more());
    }

    #[test]
    fn a_number_that_all_have_is_kept() {
        let failed = |numbers: [i32; 2]| {
            let at = [addr(6, 1), addr(4, 2)].into_iter();
            nobody_answers(at.zip(numbers.map(io::Error::from_raw_os_error)).collect())
        };
        assert_eq!(failed([1, 1]).raw_os_error(), Some(1));
        let error = failed([1, 2]);
        assert_eq!(error.raw_os_error(), None);
        let source = error.get_ref().and_then(|all| all.source()).expect("the last");
        assert_eq!(source.to_string(), io::Error::from_raw_os_error(2).to_string());
    }

    /// TCP-1: no error is hidden by another.
    #[test]
    fn the_error_names_all_of_them() {
        let error = nobody_answers(vec![
            (addr(6, 1), io::ErrorKind::NetworkUnreachable.into()),
            (addr(4, 2), io::ErrorKind::ConnectionRefused.into()),
        ]);
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let text = error.to_string();
        let parts = ["[::1]:1: network unreachable", "127.0.0.1:2: connection refused"];
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        let source = error.get_ref().and_then(|all| all.source()).expect("the last");
        assert_eq!(source.to_string(), "connection refused");
    }
}
