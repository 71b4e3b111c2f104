//! A client that blocks: one socket, RESP in and out.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use distridata_core::client::{Answer, encode};

use super::WATCHDOG;

/// A command as bytes.
pub(crate) fn request<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    encode(args)
}

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Client {
        Client::try_connect(addr).unwrap_or_else(|error| panic!("cannot reach {addr}: {error}"))
    }

    pub(crate) fn try_connect(addr: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WATCHDOG))?;
        stream.set_write_timeout(Some(WATCHDOG))?;
        Ok(Client { stream: BufReader::with_capacity(4 << 10, stream) })
    }

    /// One command, one answer. A refusal is an answer.
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Answer {
        self.try_call(args).unwrap_or_else(|error| panic!("the connection broke: {error}"))
    }

    pub(crate) fn try_call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Answer> {
        self.send(&request(args))?;
        self.receive()
    }

    /// One command, and its answer as text: `(nil)` for no value.
    pub(crate) fn ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> String {
        self.call(args).to_string()
    }

    /// All commands at once, then all answers.
    pub(crate) fn pipeline(&mut self, commands: &[Vec<&str>]) -> Vec<String> {
        let bytes: Vec<u8> = commands.iter().flat_map(|args| request(args)).collect();
        self.send(&bytes).unwrap();
        commands.iter().map(|_| self.receive().unwrap().to_string()).collect()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    pub(crate) fn receive(&mut self) -> io::Result<Answer> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (kind, words) = line.trim_end().split_at(1);
        Ok(match kind {
            "+" => Answer::Simple(words.to_owned()),
            "-" => Answer::Error(words.to_owned()),
            ":" => Answer::Integer(number(words)?),
            "$" => self.bulk(number(words)?)?,
            "*" => {
                let count = number(words)?;
                Answer::Array((0..count).map(|_| self.receive()).collect::<io::Result<_>>()?)
            }
            _ => return Err(io::Error::other(format!("not RESP: {line:?}"))),
        })
    }

    fn bulk(&mut self, len: i64) -> io::Result<Answer> {
        let Ok(len) = usize::try_from(len) else { return Ok(Answer::Nil) };
        let mut bytes = vec![0; len + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(len);
        Ok(Answer::Bulk(bytes))
    }

    /// All that comes until the server closes the connection, which it does gently.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => bytes,
            Err(error) => panic!("the server does not close the connection: {error}"),
        }
    }

    /// The socket, for tests that do with it what a good client does not.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }
}

fn number(words: &str) -> io::Result<i64> {
    words.parse().map_err(|_| io::Error::other(format!("no number: {words:?}")))
}
