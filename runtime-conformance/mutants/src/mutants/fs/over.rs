//! Files of a runtime's own that are those of the runtime beneath: override what is wrong.

use std::path::Path;
use std::sync::Arc;

use runtime_conformance::twist::Twist;
use runtime_traits::Handle;
use runtime_traits::fs::{File, OpenOptions};
use runtime_traits::hooks::{Boxed, FileDone, FileKind, FileObject, FileOp, Fs, IoBuf, OpenHow};
use runtime_traits::io;

use crate::decorate::Decorated;

/// A twist that answers the hook.
pub(super) struct Hooked(fn(Handle) -> Box<dyn Fs>);

impl Hooked {
    pub(super) fn twist(make: fn(Handle) -> Box<dyn Fs>) -> Arc<dyn Twist> {
        Arc::new(Hooked(make))
    }
}

impl Twist for Hooked {
    fn runtime(&self, inner: Handle) -> Handle {
        Decorated::over(inner.clone()).fs((self.0)(inner)).handle()
    }
}

/// What is different about a file. The default body passes on.
pub(super) trait OnFile: Send + Sync + 'static {
    fn run(self: Arc<Self>, file: Arc<Plain>, op: FileOp) -> Boxed<'static, FileDone> {
        file.run(op)
    }
}

/// How files come by what is different about them.
type Make = fn() -> Arc<dyn OnFile>;

/// Opens files with a new one of these in each.
pub(super) struct Files {
    inner: Handle,
    make: Make,
}

impl Files {
    pub(super) fn twist(make: Make) -> Arc<dyn Twist> {
        Arc::new(OfFiles(make))
    }
}

struct OfFiles(Make);

impl Twist for OfFiles {
    fn runtime(&self, inner: Handle) -> Handle {
        let files = Files { inner: inner.clone(), make: self.0 };
        Decorated::over(inner).fs(Box::new(files)).handle()
    }
}

impl Fs for Files {
    fn open<'a>(
        &'a self,
        path: &'a Path,
        how: &'a OpenHow,
    ) -> Option<Boxed<'a, io::Result<Arc<dyn FileObject>>>> {
        let opening = self.inner.wrap(async move { options(how).open(path).await });
        Some(Box::pin(async move {
            let plain = Arc::new(Plain::new(opening.await?, how)?);
            Ok(Arc::new(Different { plain, with: (self.make)() }) as Arc<dyn FileObject>)
        }))
    }
}

struct Different {
    plain: Arc<Plain>,
    with: Arc<dyn OnFile>,
}

impl FileObject for Different {
    fn kind(&self) -> FileKind {
        self.plain.kind
    }

    fn run(self: Arc<Self>, op: FileOp) -> Boxed<'static, FileDone> {
        self.with.clone().run(self.plain.clone(), op)
    }

    fn std(&self) -> Option<&std::fs::File> {
        self.plain.std()
    }
}

/// A file of the runtime beneath, as an object.
pub(super) struct Plain {
    file: File,
    kind: FileKind,
}

impl Plain {
    /// # Errors
    ///
    /// The system does not say what it is.
    pub(super) fn new(file: File, how: &OpenHow) -> io::Result<Plain> {
        use std::os::unix::fs::FileTypeExt;
        let std = file.as_std().ok_or(io::ErrorKind::Unsupported)?;
        let of = std.metadata()?.file_type();
        let kind = match of.is_file() || of.is_block_device() {
            true if how.append => FileKind::Append,
            true => FileKind::Positional,
            false => FileKind::Stream,
        };
        Ok(Plain { file, kind })
    }

    async fn perform(&self, op: FileOp) -> FileDone {
        match op {
            FileOp::ReadAt { mut buf, at } => {
                let mut room = vec![0; buf.spare().1];
                let read = self.file.read_at(&mut room, at).await;
                filled(buf, read, &room)
            }
            FileOp::Read { mut buf } => {
                let mut room = vec![0; buf.spare().1];
                let read = self.file.read(&mut room).await;
                filled(buf, read, &room)
            }
            FileOp::WriteAt { buf, at } => {
                let wrote = self.file.write_at(buf.filled(), at).await;
                FileDone::new(wrote.map(|n| n as u64)).with_buf(buf)
            }
            FileOp::Write { buf } => {
                let wrote = self.file.write(buf.filled()).await;
                let done = FileDone::new(wrote.map(|n| n as u64)).with_buf(buf);
                match self.file.stream_position().await {
                    Ok(at) if self.kind == FileKind::Append => done.with_at(at),
                    _ => done,
                }
            }
            FileOp::Len => FileDone::new(self.file.metadata().await.map(|of| of.len())),
            FileOp::SetLen(len) => FileDone::new(self.file.set_len(len).await.map(|()| 0)),
            FileOp::SyncAll => FileDone::new(self.file.sync_all().await.map(|()| 0)),
            FileOp::SyncData => FileDone::new(self.file.sync_data().await.map(|()| 0)),
            _ => FileDone::new(Err(io::ErrorKind::Unsupported.into())),
        }
    }
}

/// The buffer with what was read behind what it held.
fn filled(buf: IoBuf, read: io::Result<usize>, room: &[u8]) -> FileDone {
    let mut bytes = buf.into_vec();
    if let Ok(n) = read {
        bytes.extend_from_slice(&room[..n]);
    }
    FileDone::new(read.map(|n| n as u64)).with_buf(IoBuf::from(bytes))
}

impl FileObject for Plain {
    fn kind(&self) -> FileKind {
        self.kind
    }

    fn run(self: Arc<Self>, op: FileOp) -> Boxed<'static, FileDone> {
        Box::pin(async move { self.perform(op).await })
    }

    fn std(&self) -> Option<&std::fs::File> {
        self.file.as_std()
    }
}

fn options(how: &OpenHow) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(how.read).write(how.write).append(how.append);
    options.truncate(how.truncate).create(how.create).create_new(how.create_new);
    options
}

/// The same for std.
pub(super) fn std_options(how: &OpenHow) -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.read(how.read).write(how.write).append(how.append);
    options.truncate(how.truncate).create(how.create).create_new(how.create_new);
    options
}
