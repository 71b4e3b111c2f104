//! More than 2 GiB: in one buffer, which the system takes a part of (Linux stops at 0x7ffff000 bytes, macOS
//! refuses more than `i32::MAX`), and in one transfer, whose count is right.

use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use runtime_traits::fs::{self, File};
use runtime_traits::io::{self, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ErrorKind};
use runtime_traits::net::unix::{UnixDatagram, UnixStream};
use runtime_traits::net::{TcpListener, TcpStream, UdpSocket};
use runtime_traits::process::Command;
use rustix::io::Errno;

use crate::support::on_every_runtime;

/// Just above what a number with a sign holds.
const HUGE: usize = (1 << 31) + 5;

/// Zeros; the system keeps one page of them for all.
fn zeros() -> &'static [u8] {
    static ZEROS: OnceLock<Vec<u8>> = OnceLock::new();
    ZEROS.get_or_init(|| vec![0; HUGE])
}

/// Whatever lies in the buffer, without end. (`io::repeat` writes it byte by byte.)
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
}

/// A file of zeros that takes no room.
struct Sparse(PathBuf);

impl Sparse {
    fn new(len: u64) -> Sparse {
        let id = std::thread::current().id();
        let path = format!("/dev/shm/integration-io-{}-{id:?}", std::process::id());
        std::fs::File::create(&path).unwrap().set_len(len).unwrap();
        Sparse(path.into())
    }
}

impl Drop for Sparse {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[track_caller]
fn some(moved: io::Result<usize>) {
    let n = moved.unwrap();
    assert!(0 < n && n < HUGE, "{n}");
}

#[track_caller]
fn too_long(sent: io::Result<usize>) {
    assert_eq!(Errno::from_io_error(&sent.unwrap_err()), Some(Errno::MSGSIZE));
}

on_every_runtime! {
    async fn streams_take_a_part_of_a_huge_buffer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        some(tcp.write(zeros()).await);
        let (unix, _other) = UnixStream::pair().unwrap();
        some(unix.write(zeros()).await);
        let mut cat = Command::new("cat");
        let mut cat = cat.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        some(cat.stdin.take().unwrap().write(zeros()).await);
        assert!(cat.wait().await.unwrap().success());
        let (mut ours, _theirs) = io::duplex(1000);
        assert_eq!(ours.write(zeros()).await.unwrap(), 1000);
        some(io::Unblock::new(std::io::sink()).write(zeros()).await);
        some(File::options().write(true).open("/dev/null").await.unwrap().write(zeros()).await);
    }

    async fn a_datagram_of_that_length_is_an_error() {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        too_long(udp.send_to(zeros(), udp.local_addr().unwrap()).await);
        let (unix, _other) = UnixDatagram::pair().unwrap();
        too_long(unix.send(zeros()).await);
    }

    async fn a_read_fills_a_part_of_a_huge_buffer() {
        // Not one page of it is touched but those that are read into.
        let mut room = vec![0; HUGE];
        let (file, unix) = (File::open("/dev/zero").await.unwrap(), UnixStream::pair().unwrap());
        some(file.read(&mut room).await);
        unix.0.write_all(b"abc").await.unwrap();
        assert_eq!(unix.1.read(&mut room).await.unwrap(), 3);
        assert_eq!(&room[..3], b"abc");
        some(io::Unblock::new(std::io::repeat(1)).read(&mut room).await);
    }

    async fn all_of_a_huge_buffer_is_written_in_the_end() {
        let file = File::options().write(true).open("/dev/null").await.unwrap();
        file.write_all(zeros()).await.unwrap();
    }

    async fn a_copy_counts_beyond_two_gigabytes() {
        let len = HUGE as u64;
        assert_eq!(io::copy(Endless.take(len), io::sink()).await.unwrap(), len);
        let sparse = Sparse::new(len);
        assert_eq!(fs::copy(&sparse.0, "/dev/null").await.unwrap(), len);
    }

    /// A file's length is a matter of 64 bits everywhere, and reading beyond any of it is the end.
    async fn a_cursor_reads_on_beyond_two_and_four_gigabytes() {
        for boundary in [1_u64 << 31, 1 << 32] {
            let sparse = Sparse::new(boundary + 3);
            let file = File::open(&sparse.0).await.unwrap();
            file.seek(io::SeekFrom::Start(boundary - 4)).await.unwrap();
            let mut rest = Vec::new();
            assert_eq!(file.read_to_end(&mut rest).await.unwrap(), 7);
            assert_eq!(file.stream_position().await.unwrap(), boundary + 3);
            assert_eq!(file.seek(io::SeekFrom::End(1)).await.unwrap(), boundary + 4);
            assert_eq!(file.read(&mut [0]).await.unwrap(), 0);
            let error = file.read_exact_at(&mut [0; 4], boundary).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        }
    }

    async fn nothing_at_all_is_a_transfer_too() {
        assert_eq!(io::copy(io::empty(), io::sink()).await.unwrap(), 0);
        let sparse = Sparse::new(0);
        assert_eq!(fs::read(&sparse.0).await.unwrap(), b"");
        assert_eq!(fs::copy(&sparse.0, "/dev/null").await.unwrap(), 0);
        fs::write(&sparse.0, "").await.unwrap();
        assert_eq!(fs::metadata(&sparse.0).await.unwrap().len(), 0);
        // A datagram of no bytes is one.
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        assert_eq!(udp.send_to(b"", udp.local_addr().unwrap()).await.unwrap(), 0);
        assert_eq!(udp.recv_from(&mut [0; 4]).await.unwrap().0, 0);
        let (unix, other) = UnixDatagram::pair().unwrap();
        assert_eq!(unix.send(b"").await.unwrap(), 0);
        assert_eq!(other.recv(&mut [0; 4]).await.unwrap(), 0);
    }
}
