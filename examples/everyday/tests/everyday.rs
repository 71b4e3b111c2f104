//! Each command as a user runs it, on each runtime: a process, its streams, its end.
#![cfg(target_os = "linux")]

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;

const MIB: usize = 1024 * 1024;

/// Makes each function a test on each runtime.
macro_rules! on_each {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn default() {
                super::$name("default");
            }
            #[test]
            fn tokio() {
                super::$name("tokio");
            }
            #[test]
            fn smol() {
                super::$name("smol");
            }
        }
    )*};
}

on_each! {
    a_pipeline_moves_256_mib_in_little_memory
    a_log_is_followed_through_rotation_and_truncation
    members_of_a_chat_hear_each_other
    files_are_served_and_nothing_else
}

/// A program under test; killed if the test fails.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(runtime: &str, args: &[&str]) -> Running {
        let mut child = command(runtime, args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, lines }
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        self.lines.next().expect("there is a line").unwrap()
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    /// Ctrl-C.
    fn interrupt(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(runtime: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_everyday"));
    command.args(["--runtime", runtime]).args(args);
    command
}

/// An empty directory of a test's own.
fn directory(test: &str, runtime: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{runtime}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn a_pipeline_moves_256_mib_in_little_memory(runtime: &str) {
    let mut child = command(runtime, &["pipeline"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let feeder = thread::spawn(move || {
        let text: Vec<u8> = (0..MIB).map(|n| b"the quick brown fox "[n * n / 7 % 20]).collect();
        (0..256).for_each(|_| input.write_all(&text).unwrap());
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let packed: usize = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    assert!((1..256 * MIB).contains(&packed), "{packed} bytes came out of gzip");
    assert!(said.starts_with(&format!("{} bytes in", 256 * MIB)), "{said}");
    let peak = said.split("our peak: ").nth(1).and_then(|rest| rest.split(' ').next());
    let peak: usize = peak.expect("Linux tells it").parse().unwrap();
    assert!(peak < 32 * 1024, "{said}");
}

fn a_log_is_followed_through_rotation_and_truncation(runtime: &str) {
    let directory = directory("follow", runtime);
    let log = directory.join("log");
    let append = |text: &str| {
        let file = OpenOptions::new().create(true).append(true).open(&log);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    };
    append("before\n");
    let mut program = Running::start(runtime, &["follow", log.to_str().unwrap()]);
    assert_eq!(program.line(), "before");
    append("after\n");
    assert_eq!(program.line(), "after");
    fs::rename(&log, directory.join("log.1")).unwrap();
    append("rotated\n");
    assert_eq!(program.line(), "rotated");
    File::create(directory.join("other")).unwrap().write_all(b"not ours\n").unwrap();
    OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    append("short\n");
    assert_eq!(program.line(), "short");
    assert!(program.interrupt().success());
    let nowhere = directory.join("no/log");
    let status = command(runtime, &["follow", nowhere.to_str().unwrap()]).status().unwrap();
    assert_eq!(status.code(), Some(1), "a directory that is not there");
}

fn members_of_a_chat_hear_each_other(runtime: &str) {
    let mut room = Running::start(runtime, &["chat", "listen", "127.0.0.1:0"]);
    let address = room.line().rsplit(' ').next().unwrap().to_owned();
    let mut ada = Running::start(runtime, &["chat", "join", &address, "ada"]);
    assert_eq!(ada.line(), "* ada comes");
    let mut bob = Running::start(runtime, &["chat", "join", &address, "bob"]);
    assert_eq!((ada.line(), bob.line()), ("* bob comes".into(), "* bob comes".into()));
    ada.say("hello");
    assert_eq!(bob.line(), "ada: hello");
    bob.say("good bye");
    drop(bob.child.stdin.take());
    assert_eq!((ada.line(), ada.line()), ("bob: good bye".into(), "* bob goes".into()));
    assert!(bob.child.wait().unwrap().success(), "the end of stdin is the end");
    assert!(ada.interrupt().success());
    assert!(room.interrupt().success());
}

/// Status line and body.
fn get(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{request}\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap().trim_start_matches("HTTP/1.1 ");
    (status.to_owned(), body.to_owned())
}

fn files_are_served_and_nothing_else(runtime: &str) {
    let directory = directory("serve", runtime);
    let root = directory.join("root");
    fs::create_dir_all(root.join("sub dir")).unwrap();
    fs::write(root.join("a.txt"), "contents\n").unwrap();
    fs::write(root.join("empty"), "").unwrap();
    fs::write(directory.join("secret"), "secret\n").unwrap();
    symlink(directory.join("secret"), root.join("out")).unwrap();
    symlink(root.join("a.txt"), root.join("sub dir/in")).unwrap();
    let mut program = Running::start(runtime, &["serve", root.to_str().unwrap(), "127.0.0.1:0"]);
    let address = program.line().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let ok = |request: &str, body: &str| {
        assert_eq!(get(&address, request), ("200 OK".into(), body.into()), "{request}");
    };
    ok("GET /a.txt HTTP/1.1", "contents\n");
    ok("GET /sub%20dir/in?a=b HTTP/1.1", "contents\n");
    ok("GET /empty HTTP/1.1", "");
    ok("HEAD /a.txt HTTP/1.1", "");
    ok("GET / HTTP/1.1", "a.txt\nempty\nout\nsub dir/\n");
    for (request, status) in [
        ("GET /none HTTP/1.1", "404 Not Found"),
        ("GET /../secret HTTP/1.1", "403 Forbidden"),
        ("GET /out HTTP/1.1", "403 Forbidden"),
        ("GET /%zz HTTP/1.1", "400 Bad Request"),
        ("POST /a.txt HTTP/1.1", "405 Method Not Allowed"),
        (&format!("GET /{}", "x".repeat(9000)), "405 Method Not Allowed"),
    ] {
        assert_eq!(get(&address, request).0, status, "{request}");
    }
    // A connection that is open when Ctrl-C comes is answered all the same.
    let mut open = TcpStream::connect(&address).unwrap();
    open.write_all(b"GET /a.txt HTTP/1.1\r\n").unwrap();
    ok("GET /a.txt HTTP/1.1", "contents\n"); // so the one before was accepted
    let end = thread::spawn(move || program.interrupt());
    open.write_all(b"\r\n").unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\ncontents\n"), "{answer}");
    assert!(end.join().unwrap().success());
}
