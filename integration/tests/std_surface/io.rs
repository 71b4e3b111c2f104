//! Twins of `std::io`: the traits as their `…Ext` siblings, and what implements them.

use std::io::{IoSlice, IoSliceMut, SeekFrom};

use runtime_traits::io::{
    self, AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt,
    AsyncWrite, AsyncWriteExt, BufReader, BufWriter, Chain, Cursor, Take,
};

use crate::twin;

/// A reader, a writer, and one that can seek: what holds for these types holds for all.
type In = Box<dyn AsyncRead + Unpin>;
type Lines = Box<dyn AsyncBufRead + Unpin>;
type Out = Box<dyn AsyncWrite + Unpin>;
type Both = Box<dyn AsyncSeek + Unpin>;

pub(crate) fn twins() -> Vec<&'static str> {
    [functions(), stdio(), read(), buf_read(), write(), seek(), buffers(), parts(), cursor()]
        .concat()
}

fn functions() -> Vec<&'static str> {
    vec![
        twin("io::copy", async |from: In, to: Out| io::copy(from, to).await),
        twin("io::read_to_string", async |from: &mut In, text: &mut String| {
            from.read_to_string(text).await
        }),
        twin("io::empty", io::empty),
        twin("io::repeat", io::repeat),
        twin("io::sink", io::sink),
    ]
}

fn stdio() -> Vec<&'static str> {
    vec![
        twin("io::stdin", io::stdin),
        twin("io::stdout", async |line: &[u8]| io::stdout().write_all(line).await),
        twin("io::stderr", async |line: &[u8]| io::stderr().write_all(line).await),
        twin("io::Stdin::read_line", async |of: &mut BufReader<io::Stdin>, line: &mut String| {
            of.read_line(line).await
        }),
        twin("io::Stdin::lines", || BufReader::new(io::stdin()).lines()),
    ]
}

fn read() -> Vec<&'static str> {
    vec![
        twin("io::Read::read", async |from: &mut In, buf: &mut [u8]| from.read(buf).await),
        twin("io::Read::read_vectored", async |from: &mut In, buf: &mut [u8]| {
            from.read_vectored(&mut [IoSliceMut::new(buf)]).await
        }),
        twin("io::Read::read_to_end", async |from: &mut In, bytes: &mut Vec<u8>| {
            from.read_to_end(bytes).await
        }),
        twin("io::Read::read_to_string", async |from: &mut In, text: &mut String| {
            from.read_to_string(text).await
        }),
        twin("io::Read::read_exact", async |from: &mut In, buf: &mut [u8]| {
            from.read_exact(buf).await
        }),
        twin("io::Read::bytes", |from: In| from.bytes()),
        twin("io::Read::chain", |from: In, next: In| from.chain(next)),
        twin("io::Read::take", |from: In, limit: u64| from.take(limit)),
    ]
}

fn buf_read() -> Vec<&'static str> {
    vec![
        twin("io::BufRead::fill_buf", async |from: &mut Lines| {
            from.fill_buf().await.map(<[u8]>::len)
        }),
        twin("io::BufRead::consume", |from: &mut Lines, count: usize| {
            AsyncBufReadExt::consume(from, count)
        }),
        twin("io::BufRead::read_until", async |from: &mut Lines, end: u8, bytes: &mut Vec<u8>| {
            from.read_until(end, bytes).await
        }),
        twin("io::BufRead::read_line", async |from: &mut Lines, line: &mut String| {
            from.read_line(line).await
        }),
        twin("io::BufRead::split", |from: Lines, end: u8| from.split(end)),
        twin("io::BufRead::lines", |from: Lines| from.lines()),
    ]
}

fn write() -> Vec<&'static str> {
    vec![
        twin("io::Write::write", async |to: &mut Out, bytes: &[u8]| to.write(bytes).await),
        twin("io::Write::write_vectored", async |to: &mut Out, bytes: &[u8]| {
            to.write_vectored(&[IoSlice::new(bytes)]).await
        }),
        twin("io::Write::write_all", async |to: &mut Out, bytes: &[u8]| to.write_all(bytes).await),
        twin("io::Write::write_fmt", async |to: &mut Out, number: u8| {
            to.write_all(format!("{number}").as_bytes()).await
        }),
        twin("io::Write::flush", async |to: &mut Out| to.flush().await),
    ]
}

fn seek() -> Vec<&'static str> {
    vec![
        twin("io::Seek::seek", async |of: &mut Both, to: SeekFrom| of.seek(to).await),
        twin("io::Seek::rewind", async |of: &mut Both| of.seek(SeekFrom::Start(0)).await),
        twin("io::Seek::stream_position", async |of: &mut Both| {
            of.seek(SeekFrom::Current(0)).await
        }),
        twin("io::Seek::seek_relative", async |of: &mut Both, by: i64| {
            of.seek(SeekFrom::Current(by)).await
        }),
    ]
}

fn buffers() -> Vec<&'static str> {
    vec![
        twin("io::BufReader::new", |from: In| BufReader::new(from)),
        twin("io::BufReader::with_capacity", |from: In| BufReader::with_capacity(4096, from)),
        twin("io::BufReader::buffer", |from: &BufReader<In>| from.buffer().len()),
        twin("io::BufReader::get_ref", BufReader::<In>::get_ref),
        twin("io::BufReader::get_mut", BufReader::<In>::get_mut),
        twin("io::BufReader::into_inner", BufReader::<In>::into_inner),
        twin("io::BufReader::seek_relative", async |of: &mut BufReader<Cursor<&[u8]>>, by: i64| {
            of.seek(SeekFrom::Current(by)).await
        }),
        twin("io::BufWriter::new", |to: Out| BufWriter::new(to)),
        twin("io::BufWriter::with_capacity", |to: Out| BufWriter::with_capacity(4096, to)),
        twin("io::BufWriter::buffer", |to: &BufWriter<Out>| to.buffer().len()),
        twin("io::BufWriter::get_ref", BufWriter::<Out>::get_ref),
        twin("io::BufWriter::get_mut", BufWriter::<Out>::get_mut),
        twin("io::BufWriter::into_inner", async |mut to: BufWriter<Out>| {
            to.flush().await.map(|()| to.into_inner())
        }),
    ]
}

fn parts() -> Vec<&'static str> {
    vec![
        twin("io::Chain::get_ref", Chain::<In, In>::get_ref),
        twin("io::Chain::get_mut", Chain::<In, In>::get_mut),
        twin("io::Chain::into_inner", Chain::<In, In>::into_inner),
        twin("io::Take::limit", |from: &Take<In>| from.limit()),
        twin("io::Take::set_limit", |from: &mut Take<In>, limit: u64| from.set_limit(limit)),
        twin("io::Take::get_ref", Take::<In>::get_ref),
        twin("io::Take::get_mut", Take::<In>::get_mut),
        twin("io::Take::into_inner", Take::<In>::into_inner),
    ]
}

fn cursor() -> Vec<&'static str> {
    vec![
        twin("io::Cursor::new", |bytes: Vec<u8>| Cursor::new(bytes)),
        twin("io::Cursor::into_inner", Cursor::<Vec<u8>>::into_inner),
        twin("io::Cursor::get_ref", Cursor::<Vec<u8>>::get_ref),
        twin("io::Cursor::get_mut", Cursor::<Vec<u8>>::get_mut),
        twin("io::Cursor::position", |of: &Cursor<Vec<u8>>| of.position()),
        twin("io::Cursor::set_position", |of: &mut Cursor<Vec<u8>>, to: u64| of.set_position(to)),
    ]
}
