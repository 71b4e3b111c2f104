//! What of std there is: each function of std has a twin that compiles, or an answer that says why not.
//!
//! A twin is one line: the name in std, and a use of ours, which is compiled and never run.
//!
//! ```text
//!  twin("net::TcpStream::connect", async |at: &str| TcpStream::connect(at).await)
//! ```
//!
//! Write it as a library would: with `.await` where std blocks, with arguments of the types that std
//! takes. Each module of std has a file here; list and answers are in `docs/std-surface`. Whether a twin
//! *behaves* like std's, other tests ask: this one asks whether it is there.
#![cfg(unix)]

mod fs;
mod io;
mod net;
mod process;
/// The table of `cargo xtask std-surface`, as text.
#[allow(dead_code, reason = "the command writes what is only read here")]
#[path = "../../../xtask/src/std_surface/table.rs"]
mod table;
mod thread;
mod time;
mod unix;

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

use table::{Twin, Verdict};

/// The name in std, and what stands in for it: that it compiles is the proof.
fn twin<F>(name: &'static str, _: F) -> &'static str {
    name
}

/// All twins, module by module.
fn twins() -> Vec<Twin> {
    let names = [
        fs::twins(),
        io::twins(),
        net::twins(),
        process::twins(),
        thread::twins(),
        time::twins(),
        unix::twins(),
    ]
    .concat();
    names.into_iter().map(|name| Twin { name: name.into(), code: String::new() }).collect()
}

fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/std-surface")
}

/// The one file there that is named after a version.
fn list() -> String {
    let names = read_dir(place()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut lists = names.map(|name| name.into_string().unwrap());
    let list = lists.find(|name| name.starts_with(|c: char| c.is_ascii_digit()));
    read(&list.expect("`cargo xtask std-surface` writes the list"))
}

fn read(name: &str) -> String {
    read_to_string(place().join(name)).unwrap()
}

#[test]
fn each_function_of_std_has_one_answer() {
    let list = table::list(&list()).unwrap();
    let answers = table::answers(&read("answers.txt")).unwrap();
    let open = table::open(&read("open.txt"));
    let (rows, wrong) = table::table(&list, &twins(), &answers, &open);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let left = rows.iter().filter(|row| row.verdict == Verdict::Open).count();
    println!("{} functions of std, {left} open", rows.len());
}
