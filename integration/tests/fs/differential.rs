//! A random script, run by ours and by std's on two files: every answer is the same (FS-4).

use std::fs as std_fs;
use std::future::poll_fn;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;

use runtime_traits::fs::{File, OpenOptions};
use runtime_traits::io::{AsyncRead, AsyncSeek, AsyncWrite};

use crate::scratch::Scratch;
use crate::support::{Random, on_every_runtime};

/// A place to go to: near the start, or beyond what 31 and 32 bits hold.
fn place(random: &mut Random) -> u64 {
    let base = [0, 0, (1 << 31) - 50, (1 << 32) - 50, 5 << 32];
    base[random.up_to(base.len()) - 1] + random.up_to(100) as u64
}

fn seek(random: &mut Random) -> SeekFrom {
    match random.up_to(4) {
        1 => SeekFrom::Start(place(random)),
        2 => SeekFrom::Current(random.up_to(200) as i64 - 100),
        3 => SeekFrom::End(random.up_to(200) as i64 - 150),
        _ => SeekFrom::Start([u64::MAX, i64::MAX as u64 + 1][random.up_to(2) - 1]),
    }
}

fn bytes(random: &mut Random, n: usize) -> Vec<u8> {
    (0..n).map(|_| b'a' + random.up_to(26) as u8 - 1).collect()
}

/// What both sides are compared by.
fn told<T: std::fmt::Debug>(res: io::Result<T>) -> String {
    res.map_or_else(|error| format!("{:?}", error.kind()), |value| format!("{value:?}"))
}

/// A read that is not the end may be short; both are read until they are full or end.
async fn read(mut file: &File, len: usize, by_trait: bool) -> io::Result<Vec<u8>> {
    let (mut buf, mut n) = (vec![0; len], 0);
    while n < len {
        let room = &mut buf[n..];
        match if by_trait {
            poll_fn(|cx| Pin::new(&mut file).poll_read(cx, room)).await?
        } else {
            file.read(room).await?
        } {
            0 => break,
            more => n += more,
        }
    }
    buf.truncate(n);
    Ok(buf)
}

fn std_read(file: &mut std_fs::File, len: usize) -> io::Result<Vec<u8>> {
    let mut buf = Vec::new();
    file.take(len as u64).read_to_end(&mut buf).map(|_| buf)
}

/// One step on both; answers what was done and told.
async fn step(
    random: &mut Random,
    mut ours: &File,
    theirs: &mut std_fs::File,
) -> (String, String, String) {
    let by_trait = random.up_to(2) == 1;
    match random.up_to(9) {
        1 | 2 => {
            let len = random.up_to(300);
            let (ours, theirs) = (read(ours, len, by_trait).await, std_read(theirs, len));
            (format!("read {len}"), told(ours), told(theirs))
        }
        3 | 4 => {
            let len = random.up_to(300);
            let bytes = bytes(random, len);
            let wrote = match by_trait {
                true => poll_fn(|cx| Pin::new(&mut ours).poll_write(cx, &bytes)).await,
                false => ours.write(&bytes).await,
            };
            (format!("write {len}"), told(wrote), told(theirs.write(&bytes)))
        }
        5 | 6 => {
            let to = seek(random);
            let sought = match by_trait {
                true => poll_fn(|cx| Pin::new(&mut ours).poll_seek(cx, to)).await,
                false => ours.seek(to).await,
            };
            (format!("seek {to:?}"), told(sought), told(theirs.seek(to)))
        }
        7 => {
            let (len, at) = (random.up_to(50), place(random));
            let (mut a, mut b) = (vec![0; len], vec![0; len]);
            ours.flush().await.unwrap();
            let one = ours.read_at(&mut a, at).await.map(|n| a[..n].to_vec());
            let two = theirs.read_at(&mut b, at).map(|n| b[..n].to_vec());
            (format!("read_at {at} {len}"), told(one), told(two))
        }
        8 => {
            let at = place(random);
            let bytes = bytes(random, 20);
            ours.flush().await.unwrap();
            let wrote = ours.write_at(&bytes, at).await;
            (format!("write_at {at}"), told(wrote), told(theirs.write_at(&bytes, at)))
        }
        _ => {
            let len = place(random);
            let (one, two) = (ours.set_len(len).await, theirs.set_len(len));
            (format!("set_len {len}"), told(one), told(two))
        }
    }
}

async fn script(seed: u64, scratch: &Scratch, append: bool) {
    let mut random = Random(seed);
    let (a, b) = (scratch.path("ours"), scratch.path("theirs"));
    let _ = (std_fs::remove_file(&a), std_fs::remove_file(&b));
    let mut options = OpenOptions::new();
    let ours = options.read(true).write(true).append(append).create(true).open(&a).await.unwrap();
    let mut options = std_fs::OpenOptions::new();
    let mut theirs = options.read(true).write(true).append(append).create(true).open(&b).unwrap();
    let mut log = Vec::new();
    for _ in 0..80 {
        let (what, one, two) = step(&mut random, &ours, &mut theirs).await;
        log.push(what);
        assert_eq!(one, two, "seed {seed}, append {append}: {log:?}");
        let (one, two) = (ours.stream_position().await.unwrap(), theirs.stream_position().unwrap());
        assert_eq!(one, two, "seed {seed}, append {append}, the cursor: {log:?}");
    }
    ours.flush().await.unwrap();
    let (one, two) = (ours.metadata().await.unwrap(), theirs.metadata().unwrap());
    assert_eq!(one.len(), two.len(), "seed {seed}: {log:?}");
}

on_every_runtime! {
    async fn a_random_script_does_what_std_does() {
        let scratch = Scratch::new();
        for seed in 0..8 {
            script(seed, &scratch, false).await;
            script(seed, &scratch, true).await;
        }
    }

    async fn beyond_two_and_four_gigabytes() {
        let scratch = Scratch::new();
        let path = scratch.path("sparse");
        let file = File::options().read(true).write(true).create(true).open(&path).await.unwrap();
        for at in [(1_u64 << 31) - 2, (1 << 32) - 2, (1 << 33) + 1] {
            assert_eq!(file.seek(SeekFrom::Start(at)).await.unwrap(), at);
            file.write_all(b"across").await.unwrap();
            assert_eq!(file.stream_position().await.unwrap(), at + 6);
            let mut back = [0; 6];
            file.read_exact_at(&mut back, at).await.unwrap();
            assert_eq!(&back, b"across");
            file.seek(SeekFrom::Current(-6)).await.unwrap();
            file.read_exact(&mut back).await.unwrap();
            assert_eq!(&back, b"across");
        }
        assert_eq!(file.metadata().await.unwrap().len(), (1 << 33) + 7);
        let mut theirs = [0; 6];
        std_fs::File::open(&path).unwrap().read_exact_at(&mut theirs, (1 << 32) - 2).unwrap();
        assert_eq!(&theirs, b"across");
    }

    async fn errors_are_of_std_s_kinds() {
        let scratch = Scratch::new();
        let file = scratch.file("a", "");
        let under_a_file = file.join("b");
        let long = scratch.path(&"x".repeat(1000));
        for path in [scratch.path("none"), under_a_file, long, "nul\0".into(), "".into()] {
            let ours = File::open(&path).await.map(drop);
            assert_eq!(told(ours), told(std_fs::File::open(&path).map(drop)), "{path:?}");
            let ours = runtime_traits::fs::remove_dir(&path).await;
            assert_eq!(told(ours), told(std_fs::remove_dir(&path)), "{path:?}");
        }
        // A directory can be opened, and not read.
        let ours = File::open(scratch.path("")).await.unwrap().read(&mut [0]).await;
        let theirs = std_fs::File::open(scratch.path("")).unwrap().read(&mut [0]);
        assert_eq!(told(ours), told(theirs));
        // No mode at all.
        let ours = OpenOptions::new().open(&file).await.map(drop);
        assert_eq!(told(ours), told(std_fs::OpenOptions::new().open(&file).map(drop)));
        for path in ["/dev/null", "/dev/zero"] {
            let (ours, mut theirs) = (File::open(path).await.unwrap(), std_fs::File::open(path).unwrap());
            let (mut a, mut b) = ([1; 4], [1; 4]);
            assert_eq!(told(ours.read(&mut a).await), told(theirs.read(&mut b)), "{path}");
            assert_eq!(a, b);
            assert_eq!(told(ours.seek(SeekFrom::Start(3)).await), told(theirs.seek(SeekFrom::Start(3))));
        }
    }
}
