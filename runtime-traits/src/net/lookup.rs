//! From names to addresses.
//!
//! What can be answered without waiting, is: an address, or its text. A name goes to the runtime's
//! own resolver if it has one, else to the system's, on a thread that may block.

use core::iter::FusedIterator;
use std::borrow::ToOwned;
use std::string::String;
use std::vec::{self, Vec};

use super::connect::on_a_thread;
use super::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use crate::hooks::Kind;
use crate::io::source::current;
use crate::{Handle, io};

/// What a value of [`ToSocketAddrs`] stands for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Target<'a> {
    /// One address.
    One(SocketAddr),
    /// Several, to be tried in turn.
    Many(&'a [SocketAddr]),
    /// A host, by name or address, and a port.
    Host(&'a str, u16),
    /// `host:port`.
    Text(&'a str),
}

/// What `connect` and `bind` take: as in std, but looked up without blocking.
///
/// Implemented for what std's trait of this name is: addresses, `(host, port)`, `"host:port"`,
/// slices of addresses.
pub trait ToSocketAddrs {
    /// What is to be looked up.
    fn target(&self) -> Target<'_>;
}

macro_rules! one_address {
    ($($ty:ty),*) => {$(
        impl ToSocketAddrs for $ty {
            fn target(&self) -> Target<'_> {
                Target::One(SocketAddr::from(*self))
            }
        }
    )*};
}

one_address!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl ToSocketAddrs for [SocketAddr] {
    fn target(&self) -> Target<'_> {
        Target::Many(self)
    }
}

impl<const N: usize> ToSocketAddrs for [SocketAddr; N] {
    fn target(&self) -> Target<'_> {
        Target::Many(self)
    }
}

impl ToSocketAddrs for Vec<SocketAddr> {
    fn target(&self) -> Target<'_> {
        Target::Many(self)
    }
}

impl ToSocketAddrs for (&str, u16) {
    fn target(&self) -> Target<'_> {
        Target::Host(self.0, self.1)
    }
}

impl ToSocketAddrs for (String, u16) {
    fn target(&self) -> Target<'_> {
        Target::Host(&self.0, self.1)
    }
}

impl ToSocketAddrs for str {
    fn target(&self) -> Target<'_> {
        Target::Text(self)
    }
}

impl ToSocketAddrs for String {
    fn target(&self) -> Target<'_> {
        Target::Text(self)
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn target(&self) -> Target<'_> {
        (**self).target()
    }
}

/// Addresses, in the order in which they are to be tried.
#[derive(Debug, Clone)]
pub struct Addrs(Inner);

#[derive(Debug, Clone)]
enum Inner {
    One(Option<SocketAddr>),
    Many(vec::IntoIter<SocketAddr>),
}

impl Addrs {
    /// Those that are left.
    pub(super) fn as_slice(&self) -> &[SocketAddr] {
        match &self.0 {
            Inner::One(addr) => addr.as_slice(),
            Inner::Many(addrs) => addrs.as_slice(),
        }
    }
}

impl From<SocketAddr> for Addrs {
    fn from(addr: SocketAddr) -> Self {
        Addrs(Inner::One(Some(addr)))
    }
}

impl From<Vec<SocketAddr>> for Addrs {
    fn from(addrs: Vec<SocketAddr>) -> Self {
        Addrs(Inner::Many(addrs.into_iter()))
    }
}

impl Iterator for Addrs {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        match &mut self.0 {
            Inner::One(addr) => addr.take(),
            Inner::Many(addrs) => addrs.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Inner::One(addr) => (usize::from(addr.is_some()), Some(usize::from(addr.is_some()))),
            Inner::Many(addrs) => addrs.size_hint(),
        }
    }
}

impl ExactSizeIterator for Addrs {}
impl FusedIterator for Addrs {}

/// The addresses of a host.
///
/// An address, or the text of one, is answered at once, also outside of any runtime. A name is looked
/// up by the runtime's own resolver, or by the system's on a thread that may block.
///
/// ```
/// use runtime_traits::{io, net::{SocketAddr, lookup_host}};
///
/// async fn first(name: &str) -> io::Result<Option<SocketAddr>> {
///     Ok(lookup_host((name, 443)).await?.next())
/// }
/// ```
///
/// # Cancellation
///
/// Leaves running a look-up by the system that has begun; its answer is thrown away.
///
/// # Errors
///
/// `InvalidInput` for a text without a port; the resolver's; `Unsupported` if a name has to be
/// looked up and the runtime has neither a resolver nor threads that may block.
pub async fn lookup_host<A: ToSocketAddrs>(host: A) -> io::Result<Addrs> {
    let (host, port) = match parse(host.target())? {
        Parsed::Addrs(addrs) => return Ok(addrs),
        Parsed::Name(host, port) => (host, port),
    };
    ask(&current()?, host, port).await
}

/// As [`lookup_host`], on a runtime that is known.
pub(super) async fn look_up(handle: &Handle, target: Target<'_>) -> io::Result<Addrs> {
    match parse(target)? {
        Parsed::Addrs(addrs) => Ok(addrs),
        Parsed::Name(host, port) => ask(handle, host, port).await,
    }
}

/// What can be said without asking anybody.
enum Parsed<'a> {
    Addrs(Addrs),
    Name(&'a str, u16),
}

fn parse(target: Target<'_>) -> io::Result<Parsed<'_>> {
    match target {
        Target::One(addr) => Ok(Parsed::Addrs(addr.into())),
        Target::Many(addrs) => Ok(Parsed::Addrs(addrs.to_vec().into())),
        Target::Host(host, port) => Ok(match host.parse::<IpAddr>() {
            Ok(ip) => Parsed::Addrs(SocketAddr::new(ip, port).into()),
            Err(_) => Parsed::Name(host, port),
        }),
        Target::Text(text) => match text.parse::<SocketAddr>() {
            Ok(addr) => Ok(Parsed::Addrs(addr.into())),
            Err(_) => host_and_port(text).map(|(host, port)| Parsed::Name(host, port)),
        },
    }
}

fn host_and_port(text: &str) -> io::Result<(&str, u16)> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "not of the form `host:port`");
    let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
    Ok((host, port.parse().map_err(|_| invalid())?))
}

/// Asks the runtime's resolver, or else the system's.
async fn ask(handle: &Handle, host: &str, port: u16) -> io::Result<Addrs> {
    if let Some(answer) = handle.runtime().net().and_then(|net| net.resolve(host, port)) {
        return Ok(answer.await?.into());
    }
    let host = host.to_owned();
    let look_up = move || {
        let addrs = std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port))?;
        Ok(addrs.collect::<Vec<_>>())
    };
    Ok(on_a_thread(handle, "lookup_host", Kind::ShortIo, look_up).await?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn addrs(target: Target<'_>) -> Vec<String> {
        match parse(target).unwrap() {
            Parsed::Addrs(addrs) => addrs.map(|addr| addr.to_string()).collect(),
            Parsed::Name(host, port) => std::vec![std::format!("? {host} {port}")],
        }
    }

    #[test]
    fn addresses_are_parsed_and_names_are_not() {
        assert_eq!(addrs("127.0.0.1:80".target()), ["127.0.0.1:80"]);
        assert_eq!(addrs("[::1]:80".target()), ["[::1]:80"]);
        assert_eq!(addrs(("::1", 80).target()), ["[::1]:80"]);
        assert_eq!(addrs("localhost:80".target()), ["? localhost 80"]);
    }

    #[test]
    fn a_text_without_port_is_invalid() {
        for text in ["localhost", "localhost:", "localhost:99999", ""] {
            let error = parse(Target::Text(text)).err().expect("invalid");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}");
        }
    }
}
