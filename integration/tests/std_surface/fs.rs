//! Twins of `std::fs` and `std::os::unix::fs`.

use std::fs::{FileTimes, Permissions};
use std::path::Path;
use std::time::SystemTime;

use runtime_traits::fs::{self, DirBuilder, DirEntry, File, OpenOptions};

use crate::twin;

pub(crate) fn twins() -> Vec<&'static str> {
    [contents(), paths(), directories(), file(), locks(), options(), unix()].concat()
}

fn contents() -> Vec<&'static str> {
    vec![
        twin("fs::read", async |path: &Path| fs::read(path).await),
        twin("fs::read_to_string", async |path: &Path| fs::read_to_string(path).await),
        twin("fs::write", async |path: &Path, bytes: &[u8]| fs::write(path, bytes).await),
        twin("fs::copy", async |from: &Path, to: &Path| fs::copy(from, to).await),
    ]
}

fn paths() -> Vec<&'static str> {
    vec![
        twin("fs::canonicalize", async |path: &Path| fs::canonicalize(path).await),
        twin("fs::exists", async |path: &Path| fs::exists(path).await),
        twin("fs::hard_link", async |from: &Path, link: &Path| fs::hard_link(from, link).await),
        twin("fs::metadata", async |path: &Path| fs::metadata(path).await),
        twin("fs::read_link", async |path: &Path| fs::read_link(path).await),
        twin("fs::remove_file", async |path: &Path| fs::remove_file(path).await),
        twin("fs::rename", async |from: &Path, to: &Path| fs::rename(from, to).await),
        twin("fs::set_permissions", async |path: &Path, permissions: Permissions| {
            fs::set_permissions(path, permissions).await
        }),
        twin("fs::symlink_metadata", async |path: &Path| fs::symlink_metadata(path).await),
    ]
}

fn directories() -> Vec<&'static str> {
    vec![
        twin("fs::create_dir", async |path: &Path| fs::create_dir(path).await),
        twin("fs::create_dir_all", async |path: &Path| fs::create_dir_all(path).await),
        twin("fs::remove_dir", async |path: &Path| fs::remove_dir(path).await),
        twin("fs::remove_dir_all", async |path: &Path| fs::remove_dir_all(path).await),
        twin("fs::read_dir", async |path: &Path| fs::read_dir(path).await?.next_entry().await),
        twin("fs::DirEntry::path", |entry: &DirEntry| entry.path()),
        twin("fs::DirEntry::file_name", |entry: &DirEntry| entry.file_name()),
        twin("fs::DirEntry::file_type", async |entry: &DirEntry| entry.file_type().await),
        twin("fs::DirEntry::metadata", async |entry: &DirEntry| entry.metadata().await),
        twin("fs::DirBuilder::new", DirBuilder::new),
        twin("fs::DirBuilder::recursive", |builder: &mut DirBuilder, all: bool| {
            builder.recursive(all);
        }),
        twin("fs::DirBuilder::create", async |builder: &DirBuilder, path: &Path| {
            builder.create(path).await
        }),
    ]
}

fn file() -> Vec<&'static str> {
    vec![
        twin("fs::File::open", async |path: &Path| File::open(path).await),
        twin("fs::File::create", async |path: &Path| File::create(path).await),
        twin("fs::File::create_new", async |path: &Path| File::create_new(path).await),
        twin("fs::File::options", File::options),
        twin("fs::File::sync_all", async |file: &File| file.sync_all().await),
        twin("fs::File::sync_data", async |file: &File| file.sync_data().await),
        twin("fs::File::set_len", async |file: &File, len: u64| file.set_len(len).await),
        twin("fs::File::metadata", async |file: &File| file.metadata().await),
        twin("fs::File::try_clone", |file: &File| file.try_clone()),
        twin("fs::File::set_permissions", async |file: &File, permissions: Permissions| {
            file.set_permissions(permissions).await
        }),
        twin("fs::File::set_times", async |file: &File, times: FileTimes| {
            file.set_times(times).await
        }),
        twin("fs::File::set_modified", async |file: &File, time: SystemTime| {
            file.set_modified(time).await
        }),
    ]
}

fn locks() -> Vec<&'static str> {
    vec![
        twin("fs::File::lock", async |file: &File| file.lock().await),
        twin("fs::File::lock_shared", async |file: &File| file.lock_shared().await),
        twin("fs::File::try_lock", async |file: &File| file.try_lock().await),
        twin("fs::File::try_lock_shared", async |file: &File| file.try_lock_shared().await),
        twin("fs::File::unlock", async |file: &File| file.unlock().await),
    ]
}

fn options() -> Vec<&'static str> {
    vec![
        twin("fs::OpenOptions::new", OpenOptions::new),
        twin("fs::OpenOptions::read", |how: &mut OpenOptions, is: bool| {
            how.read(is);
        }),
        twin("fs::OpenOptions::write", |how: &mut OpenOptions, is: bool| {
            how.write(is);
        }),
        twin("fs::OpenOptions::append", |how: &mut OpenOptions, is: bool| {
            how.append(is);
        }),
        twin("fs::OpenOptions::truncate", |how: &mut OpenOptions, is: bool| {
            how.truncate(is);
        }),
        twin("fs::OpenOptions::create", |how: &mut OpenOptions, is: bool| {
            how.create(is);
        }),
        twin("fs::OpenOptions::create_new", |how: &mut OpenOptions, is: bool| {
            how.create_new(is);
        }),
        twin("fs::OpenOptions::open", async |how: &OpenOptions, path: &Path| how.open(path).await),
    ]
}

fn unix() -> Vec<&'static str> {
    vec![
        twin("os::unix::fs::FileExt::read_at", async |file: &File, buf: &mut [u8], at: u64| {
            file.read_at(buf, at).await
        }),
        twin(
            "os::unix::fs::FileExt::read_exact_at",
            async |file: &File, buf: &mut [u8], at: u64| file.read_exact_at(buf, at).await,
        ),
        twin("os::unix::fs::FileExt::write_at", async |file: &File, bytes: &[u8], at: u64| {
            file.write_at(bytes, at).await
        }),
        twin("os::unix::fs::FileExt::write_all_at", async |file: &File, bytes: &[u8], at: u64| {
            file.write_all_at(bytes, at).await
        }),
        twin("os::unix::fs::symlink", async |from: &Path, link: &Path| {
            fs::symlink(from, link).await
        }),
        twin("os::unix::fs::chown", async |path: &Path, user: Option<u32>, group: Option<u32>| {
            fs::chown(path, user, group).await
        }),
        twin("os::unix::fs::lchown", async |path: &Path, user: Option<u32>, group: Option<u32>| {
            fs::lchown(path, user, group).await
        }),
        twin("os::unix::fs::fchown", async |file: &File, user: Option<u32>, group: Option<u32>| {
            fs::fchown(file, user, group).await
        }),
        twin("os::unix::fs::chroot", async |path: &Path| fs::chroot(path).await),
        twin("os::unix::fs::DirBuilderExt::mode", |builder: &mut DirBuilder, mode: u32| {
            builder.mode(mode);
        }),
        twin("os::unix::fs::DirEntryExt::ino", |entry: &DirEntry| entry.ino()),
        twin("os::unix::fs::OpenOptionsExt::mode", |how: &mut OpenOptions, mode: u32| {
            how.mode(mode);
        }),
        twin("os::unix::fs::OpenOptionsExt::custom_flags", |how: &mut OpenOptions, flags: i32| {
            how.custom_flags(flags);
        }),
    ]
}
