//! A connection between nodes: messages out, messages in, and patience.

use std::time::Duration;

use runtime_traits::io;
use runtime_traits::net::TcpStream;
use runtime_traits::time;

use super::message::{HEADER, Header, Kind};

/// Waits for `what`, but not for ever: a node that says nothing for so long is gone.
///
/// # Cancellation
///
/// That of `what`.
pub(crate) async fn within<R>(
    patience: Duration,
    what: impl Future<Output = io::Result<R>>,
) -> io::Result<R> {
    match time::timeout(patience, what).await {
        Ok(result) => result,
        Err(_) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("nothing heard for {patience:?}")))
        }
    }
}

/// Sends one message.
///
/// # Cancellation
///
/// Lossy: a part may have been sent. Give the connection up.
pub(crate) async fn send(stream: &TcpStream, kind: Kind, payload: &[u8]) -> io::Result<()> {
    let header = Header { kind, len: payload.len() }.encode();
    let mut message = Vec::with_capacity(HEADER + payload.len());
    message.extend_from_slice(&header);
    message.extend_from_slice(payload);
    stream.write_all(&message).await
}

/// Receives one message into `payload`; an error once nothing has come for as long as `patience`.
///
/// # Cancellation
///
/// Lossy: a part may have been received. Give the connection up.
pub(crate) async fn receive(
    stream: &TcpStream,
    payload: &mut Vec<u8>,
    patience: Duration,
) -> io::Result<Kind> {
    let mut header = [0; HEADER];
    fill(stream, &mut header, patience).await?;
    let Header { kind, len } = Header::decode(header)?;
    payload.resize(len, 0);
    fill(stream, payload, patience).await?;
    Ok(kind)
}

/// Patient as long as something comes: a slow connection is not a silent one.
async fn fill(stream: &TcpStream, mut buf: &mut [u8], patience: Duration) -> io::Result<()> {
    while !buf.is_empty() {
        match within(patience, stream.read(buf)).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => buf = &mut buf[n..],
        }
    }
    Ok(())
}
