//! Everything is there, in order, whatever is dropped.

use std::io::{self, IoSlice, Read, Seek as _, SeekFrom, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use runtime_traits::io::{
    AsyncReadExt as _, AsyncReadUninit as _, AsyncSeekExt as _, AsyncWrite, AsyncWriteExt as _,
    Unblock, split,
};
use runtime_traits::task::TaskGroup;

use crate::objects::{Disk, Opens, Slow, numbered};
use crate::support::{
    Drops, Gate, MANY, Random, announced, on_every_runtime, poll_once, with_every_runtime,
};

on_every_runtime! {
    async fn io_12_bytes_are_written_in_order() {
        let disk = Disk::new(Vec::new());
        let bytes = Arc::clone(&disk.shared);
        let mut file = Unblock::new(disk);
        let (mut random, mut place) = (Random(1), 0);
        for _ in 0..60 {
            let piece = numbered(place, random.up_to(100_000));
            let taken = if random.next() % 2 == 0 {
                file.write(&piece).await.unwrap()
            } else {
                let (first, second) = piece.split_at(piece.len() / 3);
                let slices = [first, &[], second].map(IoSlice::new);
                file.write_vectored(&slices).await.unwrap()
            };
            assert!(0 < taken && taken <= piece.len());
            place += taken;
        }
        file.flush().await.unwrap();
        assert_eq!(*bytes.lock().unwrap(), numbered(0, place));
    }

    async fn io_12_reads_that_are_dropped_lose_nothing() {
        let len = 700_000;
        let mut file = Unblock::new(Disk::new(numbered(0, len)));
        let (mut random, mut seen) = (Random(2), Vec::new());
        loop {
            let mut buf = vec![0; random.up_to(100_000)];
            let n = match poll_once(pin!(file.read(&mut buf))).await {
                Poll::Ready(read) => read.unwrap(),
                // Dropped; what it will have read is for the next, with another buffer.
                Poll::Pending if random.next() % 2 == 0 => continue,
                Poll::Pending => file.read(&mut buf).await.unwrap(),
            };
            if n == 0 {
                break;
            }
            seen.extend_from_slice(&buf[..n]);
        }
        assert_eq!(seen, numbered(0, len));
    }

    async fn fresh_memory_is_read_into() {
        let mut file = Unblock::new(Disk::new(numbered(0, 100_000)));
        let mut bytes = Vec::new();
        while file.read_append(&mut bytes).await.unwrap() > 0 {}
        assert_eq!(bytes, numbered(0, 100_000));
    }

    async fn a_seek_gives_back_what_a_dropped_read_left() {
        let slow = Slow::new(Disk::new(numbered(0, 1000)), &Drops::default());
        let (begun, gate) = (slow.begun.clone(), slow.gate.clone());
        let mut file = Unblock::new(slow);
        assert!(poll_once(pin!(file.read(&mut [0; 100]))).await.is_pending());
        begun.wait().await;
        gate.open();
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 0, "nothing was handed out");
        let mut ten = [0; 10];
        file.read_exact(&mut ten).await.unwrap();
        assert_eq!(ten[..], numbered(0, 10));
        assert_eq!(file.seek(SeekFrom::Current(5)).await.unwrap(), 15);
        file.read_exact(&mut ten).await.unwrap();
        assert_eq!(ten[..], numbered(15, 10));
        assert_eq!(file.seek(SeekFrom::End(-3)).await.unwrap(), 997);
        assert!(file.seek(SeekFrom::Current(-998)).await.is_err());
        assert_eq!(file.read(&mut ten).await.unwrap(), 3);
        assert_eq!(file.read(&mut ten).await.unwrap(), 0);
        assert_eq!(file.read(&mut ten).await.unwrap(), 0);
    }

    async fn a_seek_that_is_dropped_is_done_once() {
        let slow = Slow::new(Disk::new(numbered(0, 100)), &Drops::default());
        let (begun, gate) = (slow.begun.clone(), slow.gate.clone());
        let mut file = Unblock::new(slow);
        assert!(poll_once(pin!(file.seek(SeekFrom::Current(7)))).await.is_pending());
        begun.wait().await;
        gate.open();
        assert_eq!(file.seek(SeekFrom::Current(7)).await.unwrap(), 7);
        assert_eq!(file.seek(SeekFrom::Current(7)).await.unwrap(), 14, "answered once");
    }

    async fn a_write_that_is_dropped_while_it_waits_takes_nothing() {
        let slow = Slow::new(Disk::new(Vec::new()), &Drops::default());
        let (gate, bytes) = (slow.gate.clone(), Arc::clone(&slow.inner.shared));
        let mut file = Unblock::new(slow);
        assert_eq!(file.write(b"first ").await.unwrap(), 6, "accepted, and being written");
        assert!(poll_once(pin!(file.write(b"never"))).await.is_pending());
        gate.open();
        file.write_all(b"second").await.unwrap();
        file.close().await.unwrap();
        assert_eq!(*bytes.lock().unwrap(), b"first second");
    }

    async fn what_was_accepted_is_written_though_the_object_is_dropped() {
        let (drops, gone) = (Drops::default(), Gate::default());
        let slow = Slow::new(Disk::new(Vec::new()), &drops);
        let (gate, bytes) = (slow.gate.clone(), Arc::clone(&slow.inner.shared));
        let begun = slow.begun.clone();
        let mut file = Unblock::new(Both(slow, Opens(gone.clone())));
        let taken = file.write(&numbered(0, 200_000)).await.unwrap();
        begun.wait().await;
        drop(file);
        assert_eq!(drops.get(), 0, "the job has it");
        gate.open();
        gone.wait().await;
        assert_eq!(drops.get(), 1);
        assert_eq!(*bytes.lock().unwrap(), numbered(0, taken));
    }

    async fn a_read_goes_on_though_the_object_is_dropped() {
        let (drops, gone) = (Drops::default(), Gate::default());
        let slow = Slow::new(Disk::new(numbered(0, 10)), &drops);
        let (begun, gate) = (slow.begun.clone(), slow.gate.clone());
        let mut file = Unblock::new(Both(slow, Opens(gone.clone())));
        assert!(poll_once(pin!(file.read(&mut [0; 10]))).await.is_pending());
        begun.wait().await;
        drop(file);
        gate.open();
        gone.wait().await;
        assert_eq!(drops.get(), 1);
    }

    async fn an_idle_object_is_dropped_at_once() {
        let drops = Drops::default();
        let slow = Slow::new(Disk::new(numbered(0, 10)), &drops);
        slow.gate.open();
        let mut file = Unblock::new(slow);
        assert_eq!(file.read(&mut [0; 3]).await.unwrap(), 3);
        drop(file);
        assert_eq!(drops.get(), 1);
    }

    async fn a_reader_and_a_writer_of_one_object_are_both_woken() {
        let slow = Slow::new(Disk::new(numbered(0, 5)), &Drops::default());
        let (gate, bytes) = (slow.gate.clone(), Arc::clone(&slow.inner.shared));
        let (mut reader, mut writer) = split(Unblock::new(slow));
        let (reads, writes) = (Gate::default(), Gate::default());
        let mut group = TaskGroup::new();
        let reading = reads.clone();
        group.spawn(announced(reading, async move {
            let mut buf = [0; 5];
            reader.read_exact(&mut buf).await.unwrap();
            assert_eq!(buf[..], numbered(0, 5));
        }));
        reads.wait().await;
        let writing = writes.clone();
        group.spawn(announced(writing, async move {
            writer.write_all(b"more").await.unwrap();
            writer.flush().await.unwrap();
        }));
        writes.wait().await;
        gate.open();
        while let Some(ended) = group.join_next().await {
            ended.unwrap();
        }
        assert_eq!(bytes.lock().unwrap()[5..], *b"more");
    }

    async fn many_that_are_idle_hold_no_thread() {
        // More than any of the runtimes has threads.
        let mut files = Vec::new();
        for _ in 0..600 {
            let mut file = Unblock::new(&b"xy"[..]);
            assert_eq!(file.read(&mut [0]).await.unwrap(), 1);
            files.push(file);
        }
        for file in &mut files {
            assert_eq!(file.read(&mut [0]).await.unwrap(), 1);
        }
    }

    async fn the_object_comes_back() {
        let slow = Slow::new(Disk::new(Vec::new()), &Drops::default());
        slow.gate.open();
        let mut file = Unblock::new(slow);
        file.write_all(b"abc").await.unwrap();
        assert_eq!(*file.get_ref().await.inner.shared.lock().unwrap(), b"abc");
        let end = file.with_mut(|slow| slow.inner.seek(SeekFrom::End(0))).await.unwrap();
        assert_eq!(end.unwrap(), 3);
        file.get_mut().await.inner.seek(SeekFrom::Start(1)).unwrap();
        assert_eq!(file.read(&mut [0; 9]).await.unwrap(), 2);
        file.write_all(b"d").await.unwrap();
        let slow = file.into_inner().await;
        assert_eq!(*slow.inner.shared.lock().unwrap(), b"abcd");
    }

    async fn a_buffer_inside_the_object_is_flushed() {
        let disk = Disk::new(Vec::new());
        let bytes = Arc::clone(&disk.shared);
        let mut inner = io::BufWriter::new(disk);
        inner.write_all(b"before ").unwrap();
        let mut file = Unblock::new(inner);
        file.flush().await.unwrap();
        assert_eq!(*bytes.lock().unwrap(), b"before ");
        file.with_mut(|inner| inner.write_all(b"and after")).await.unwrap().unwrap();
        file.close().await.unwrap();
        assert_eq!(*bytes.lock().unwrap(), b"before and after");
    }

    async fn empty_buffers_move_nothing() {
        let slow = Slow::new(Disk::new(numbered(0, 4)), &Drops::default());
        let gate = slow.gate.clone();
        let mut file = Unblock::new(slow);
        assert_eq!(file.read(&mut []).await.unwrap(), 0, "no job: it would not end");
        assert_eq!(file.write(&[]).await.unwrap(), 0);
        assert_eq!(file.write_vectored(&[IoSlice::new(&[]); 3]).await.unwrap(), 0);
        gate.open();
        let mut all = Vec::new();
        file.read_to_end(&mut all).await.unwrap();
        assert_eq!(file.read(&mut []).await.unwrap(), 0);
        assert_eq!(all, numbered(0, 4));
    }
}

/// Two things that are dropped one after the other.
struct Both<T>(T, #[allow(dead_code, reason = "dropped")] Opens);

impl<T: Read> Read for Both<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<T: Write> Write for Both<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

with_every_runtime! {
    fn an_object_moves_between_runtimes(start: Start) {
        let disk = Disk::new(Vec::new());
        let bytes = Arc::clone(&disk.shared);
        let mut file = Unblock::new(disk);
        for (n, start) in [start].iter().chain(MANY).enumerate() {
            let owner = start();
            owner.block_on(async { file.write_all(&numbered(n * 9, 9)).await.unwrap() });
            owner.block_on(async { file.flush().await.unwrap() });
            drop(owner);
        }
        assert_eq!(*bytes.lock().unwrap(), numbered(0, 9 * (MANY.len() + 1)));
    }

    fn a_job_outlives_its_runtime(start: Start) {
        let slow = Slow::new(Disk::new(Vec::new()), &Drops::default());
        let (begun, gate) = (slow.begun.clone(), slow.gate.clone());
        let bytes = Arc::clone(&slow.inner.shared);
        let mut file = Unblock::new(slow);
        let owner = start();
        owner.block_on(async {
            file.write_all(b"1").await.unwrap();
            begun.wait().await;
        });
        owner.shutdown_background();
        gate.open();
        let owner = start();
        owner.block_on(async {
            file.write_all(b"2").await.unwrap();
            Pin::new(&mut file).close().await.unwrap();
        });
        assert_eq!(*bytes.lock().unwrap(), b"12");
    }
}

/// An `Unblock` moves between tasks and threads.
#[test]
fn it_is_send_and_unpin() {
    fn check<T: Send + Sync + Unpin>(_: &T) {}
    check(&Unblock::new(std::io::stdin()));
    fn object(_: &dyn AsyncWrite) {}
    object(&Unblock::new(Vec::new()));
}
