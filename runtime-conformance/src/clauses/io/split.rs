//! IO-9: halves of a stream.

use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use runtime_traits::io::{AsyncRead, split};
use runtime_traits::net::TcpStream;
use socket2::SockRef;

use super::kinds::{AnyRead, AnyWrite, IoCalls, read, write};
use crate::clauses::tcp::steps::{in_task, noting_pending};
use crate::clauses::tcp::transport::{Peer, std_pair};
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{Tally, WakerLab};

/// How a stream is split.
#[derive(Debug, Clone, Copy)]
enum By {
    /// `TcpStream::into_split`.
    IntoSplit,
    /// `io::split`.
    Split,
}

type Halves = (AnyRead, AnyWrite, std::net::TcpStream);

/// Halves, and their peer. Small buffers, so that a writer has to wait.
fn halves(rig: &Rig<'_>, rt: &Rt, by: By) -> Halves {
    let (stream, peer) = connection(rig, rt);
    let (reader, writer): (AnyRead, AnyWrite) = match by {
        By::IntoSplit => {
            let (reader, writer) = stream.into_split();
            (Box::new(reader), Box::new(writer))
        }
        By::Split => {
            let (reader, writer) = split(stream);
            (Box::new(reader), Box::new(writer))
        }
    };
    let (reader, writer) = (rt.calls::<IoCalls>().halves)(reader, writer);
    (reader, writer, peer)
}

fn connection(rig: &Rig<'_>, rt: &Rt) -> (TcpStream, std::net::TcpStream) {
    let (ours, peer) = rig.setup("a connection of std's", std_pair());
    let small = SockRef::from(&ours).set_send_buffer_size(32 * 1024).and_then(|()| peer.tighten());
    rig.setup("small buffers", small);
    let ours = rt.enter(|| TcpStream::try_from(ours));
    (ours.unwrap_or_else(|error| panic!("IO-9: a socket of std's: {error}")), peer)
}

/// IO-9: the halves of a stream get on independently, in two tasks.
///
/// Method: a reader parks; then a writer, in another task, writes until it has to wait. The peer sends a
/// byte: the reader gets it, while the writer waits. The peer then reads, and the writer gets on.
/// For both ways to split.
///
/// If this fails with a hang, look for one place for both wakers, or a lock that is held while waiting.
pub(super) fn io_9_halves_go_on_by_themselves(rig: &Rig<'_>) {
    for by in [By::IntoSplit, By::Split] {
        let rt = rig.rt();
        let (mut reader, mut writer, mut peer) = halves(rig, &rt, by);
        let (parked, got) = (Arc::new(Tally::new()), Arc::new(Tally::new()));
        let (is_parked, has_got) = (parked.clone(), got.clone());
        let reads = rt.spawn(async move {
            let mut byte = [0];
            let n = noting_pending(read(&mut reader, &mut byte), || is_parked.add()).await;
            let fine = matches!(n, Ok(1)) && byte == *b"x";
            assert!(fine, "IO-9: {by:?}: the half that reads got {n:?}: {byte:?}");
            has_got.add();
            reader
        });
        let full = Arc::new(Tally::new());
        let is_full = full.clone();
        let writes = rt.spawn(async move {
            parked.reached(1).await;
            let mut sent = 0;
            while is_full.count() < 3 {
                let note = || is_full.add();
                let n = noting_pending(write(&mut writer, &[7; 4096]), note).await;
                sent += n.unwrap_or_else(|error| panic!("IO-9: {by:?}: writing gave {error}"));
                GiveWay::default().await;
            }
            (writer, sent)
        });
        in_task(rig, &rt, "IO-9: a reader beside a writer that waits", async move {
            full.reached(1).await;
            peer.write_all(b"x").expect("a peer sends");
            got.reached(1).await;
            // Reads until the writer has waited often enough.
            let drains = std::thread::spawn(move || {
                let mut all = Vec::new();
                peer.read_to_end(&mut all).map(|_| all.len())
            });
            let (writer, sent) = writes.await.expect("IO-9: the task that writes");
            drop((writer, reads.await.expect("IO-9: the task that reads")));
            let drained = drains.join().expect("it reads").expect("a peer reads to the end");
            assert_eq!(drained, sent, "IO-9: {by:?}: what the peer got of what was sent");
        });
        rig.shutdown(rt);
    }
}

/// IO-9: dropping a half does what its page says: the half that reads, nothing; the half of
/// `into_split` that writes ends writing; that of `io::split`, nothing.
///
/// Method: each half is dropped alone, and the other is used. What the peer then hears tells.
pub(super) fn io_9_dropping_a_half_does_what_is_written(rig: &Rig<'_>) {
    let rt = rig.rt();
    for by in [By::IntoSplit, By::Split] {
        let (reader, mut writer, mut peer) = halves(rig, &rt, by);
        in_task(rig, &rt, "IO-9: a write after the half that reads was dropped", async move {
            drop(reader);
            peer.write_all(b"ignored").expect("a peer sends");
            let n = write(&mut writer, b"still here").await;
            assert!(matches!(n, Ok(10)), "IO-9: {by:?}: without the other half: {n:?}");
            let mut heard = [0; 10];
            peer.read_exact(&mut heard).expect("a peer reads");
            assert_eq!(heard, *b"still here", "IO-9: {by:?}: what the peer heard");
        });
        let (mut reader, writer, mut peer) = halves(rig, &rt, by);
        in_task(rig, &rt, "IO-9: a read after the half that writes was dropped", async move {
            drop(writer);
            let ended = match by {
                By::IntoSplit => matches!(peer.read(&mut [0]), Ok(0)),
                By::Split => {
                    peer.set_nonblocking(true).expect("an option of the socket");
                    let ended = peer.read(&mut [0]).is_ok();
                    peer.set_nonblocking(false).expect("an option of the socket");
                    ended
                }
            };
            let expected = matches!(by, By::IntoSplit);
            assert_eq!(ended, expected, "IO-9: {by:?}: whether dropping it ended writing");
            peer.write_all(b"answer").expect("a peer sends");
            let mut heard = [0; 6];
            let mut got = 0;
            while got < 6 {
                let n = read(&mut reader, &mut heard[got..]).await;
                let n = n.unwrap_or_else(|error| panic!("IO-9: {by:?}: reading alone: {error}"));
                assert!(n > 0, "IO-9: {by:?}: the end came after {got} bytes");
                got += n;
            }
            assert_eq!(heard, *b"answer", "IO-9: {by:?}: what the half that reads heard");
        });
    }
    rig.shutdown(rt);
}

/// IO-9: halves of different streams are not reunited: the error gives both back, unharmed. Those of
/// one stream are the stream again.
///
/// Method: two streams are split, crossed, and must come back; then each pair is reunited, and
/// carries a byte. A waker of ours that waits at a half stays there.
pub(super) fn io_9_only_halves_of_one_stream_are_reunited(rig: &Rig<'_>) {
    let rt = rig.rt();
    let ((one, mut peer_one), (two, mut peer_two)) = (connection(rig, &rt), connection(rig, &rt));
    in_task(rig, &rt, "IO-9: bytes over reunited streams", async move {
        let ((read_one, write_one), (read_two, write_two)) = (one.into_split(), two.into_split());
        let crossed = read_one.reunite(write_two);
        let Err(back) = crossed else { panic!("IO-9: halves of two streams were reunited") };
        let (read_one, write_two) = (back.0, back.1);
        let mut one = read_one.reunite(write_one).expect("IO-9: halves of one stream");
        let mut two = read_two.reunite(write_two).expect("IO-9: halves of one stream");
        carries(&mut one, &mut peer_one).await;
        carries(&mut two, &mut peer_two).await;

        let ((read_one, write_one), (read_two, write_two)) = (split(one), split(two));
        assert!(!read_one.is_pair_of(&write_two), "IO-9: halves of two streams are a pair");
        let Err(back) = read_one.reunite(write_two) else {
            panic!("IO-9: halves of two streams were reunited");
        };
        let mut one = back.0.reunite(write_one).expect("IO-9: halves of one stream");
        let mut two = read_two.reunite(back.1).expect("IO-9: halves of one stream");
        carries(&mut one, &mut peer_one).await;
        carries(&mut two, &mut peer_two).await;
    });
    rig.shutdown(rt);
}

/// A byte goes each way.
async fn carries(stream: &mut TcpStream, peer: &mut std::net::TcpStream) {
    let n = write(stream, b"x").await;
    assert!(matches!(n, Ok(1)), "IO-9: writing to a reunited stream gave {n:?}");
    let mut byte = [0];
    peer.read_exact(&mut byte).expect("a peer reads");
    let lab = WakerLab::new();
    let waker = lab.waker();
    let early = Pin::new(&mut *stream).poll_read(&mut Context::from_waker(&waker), &mut [0]);
    assert!(early.is_pending(), "IO-9: nothing had come, and was read: {early:?}");
    peer.write_all(&byte).expect("a peer sends");
    let n = read(stream, &mut byte).await;
    assert!(matches!(n, Ok(1)), "IO-9: reading from a reunited stream gave {n:?}");
}
