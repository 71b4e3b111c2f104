//! The program as a user sees it, on each runtime.

#![cfg(unix)]
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hello-http");

#[test]
fn serves_on_runtime_default() {
    serves_on("default");
}

#[test]
fn serves_on_runtime_tokio() {
    serves_on("tokio");
}

#[test]
fn serves_on_runtime_smol() {
    serves_on("smol");
}

fn serves_on(runtime: &str) {
    let server = Server::start(runtime);
    keeps_the_connection(server.addr);
    answers_curl(server.addr);
    survives_wrk(server.addr);
    keeps_the_connection(server.addr);
}

/// Three requests over one connection, the second for a page that is not there.
fn keeps_the_connection(addr: SocketAddr) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for (path, status, body) in [
        ("/", "HTTP/1.1 200 OK", "Hello, world!\n"),
        ("/nothing", "HTTP/1.1 404 Not Found", "There is only /.\n"),
        ("/", "HTTP/1.1 200 OK", "Hello, world!\n"),
    ] {
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {addr}\r\n\r\n").unwrap();
        assert_eq!(response(&mut reader), (status.to_owned(), body.to_owned()));
    }
}

/// Status line and body.
fn response(reader: &mut impl BufRead) -> (String, String) {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let len = lines.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; len.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    (lines.swap_remove(0), String::from_utf8(body).unwrap())
}

fn answers_curl(addr: SocketAddr) {
    let output = tool("curl", &["--silent", "--show-error", "-i", &format!("http://{addr}/")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nHello, world!\n"), "{text}");
}

fn survives_wrk(addr: SocketAddr) {
    let url = format!("http://{addr}/");
    let output = tool("wrk", &["-t1", "-c16", "-d1", &url]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("requests in"), "{text}");
    // It prints these lines only if there is something to tell.
    assert!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "{text}");
}

fn tool(name: &str, args: &[&str]) -> Output {
    let output = Command::new(name).args(args).output();
    let output = output.unwrap_or_else(|error| {
        panic!("this test needs `{name}` ({error}): apt-get install {name}, or your system's way")
    });
    assert!(output.status.success(), "{name}: {output:?}");
    output
}

#[test]
fn wrong_options_are_told_and_exit_with_two() {
    for (args, told) in [
        (&["--runtime", "spaghetti"][..], "there is no runtime `spaghetti`"),
        (&["--runtime"], "--runtime needs a value"),
        (&["--listen", "here"], "`here` is not like 127.0.0.1:80"),
        (&["--port", "80"], "there is no option `--port`"),
    ] {
        let output = Command::new(PROGRAM).args(args).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(told) && text.contains("usage: "), "{text}");
    }
}

#[test]
fn an_address_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = Command::new(PROGRAM).args(["--listen", &addr]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("{addr} is in use")), "{text}");
}

/// A server process.
struct Server {
    _process: Process,
    addr: SocketAddr,
}

impl Server {
    fn start(runtime: &str) -> Server {
        let mut command = Command::new(PROGRAM);
        command.args(["--runtime", runtime]).stdout(Stdio::piped());
        let mut process = Process(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(process.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let rest = line.strip_prefix("listening at http://");
        let told = rest.and_then(|rest| rest.split_once("/ on runtime "));
        let (addr, name) = told.unwrap_or_else(|| panic!("what is this? {line}"));
        assert!(name.contains(runtime), "{line}");
        Server { _process: process, addr: addr.parse().unwrap() }
    }
}

/// Ends with this, also when a test fails.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
