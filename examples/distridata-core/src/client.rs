//! A small client: one command, one answer.
//!
//! ```no_run
//! use distridata_core::client::Client;
//!
//! # async fn example() -> std::io::Result<()> {
//! let mut client = Client::connect("127.0.0.1:6380").await?;
//! client.call(&["SET", "colour", "blue"]).await?.ok()?;
//! println!("{}", client.call(&["GET", "colour"]).await?);
//! # Ok(())
//! # }
//! ```

use std::fmt;

use runtime_traits::io;
use runtime_traits::net::{TcpStream, ToSocketAddrs};

/// Bytes read at once.
const CHUNK: usize = 16 << 10;

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `+OK` and its like.
    Simple(String),
    /// A refusal, in the server's words.
    Error(String),
    /// A number.
    Integer(i64),
    /// A value.
    Bulk(Vec<u8>),
    /// No value.
    Nil,
    /// Several answers.
    Array(Vec<Answer>),
}

impl Answer {
    /// Turns a refusal into an error.
    ///
    /// # Errors
    ///
    /// If the server refused.
    pub fn ok(self) -> io::Result<Answer> {
        match self {
            Answer::Error(words) => Err(io::Error::other(words)),
            answer => Ok(answer),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Simple(words) | Answer::Error(words) => f.write_str(words),
            Answer::Integer(number) => write!(f, "{number}"),
            Answer::Bulk(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            Answer::Nil => f.write_str("(nil)"),
            Answer::Array(answers) => {
                let words: Vec<String> = answers.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(" "))
            }
        }
    }
}

/// A connection to a server.
pub struct Client {
    stream: TcpStream,
    /// Received and not yet understood.
    received: Vec<u8>,
}

impl Client {
    /// Connects.
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// Those of [`TcpStream::connect`].
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<Client> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, received: Vec::new() })
    }

    /// Sends a command and waits for the answer.
    ///
    /// # Cancellation
    ///
    /// Lossy: the command may have been sent and carried out. Drop the client too, or its next
    /// answer is this one's.
    ///
    /// # Errors
    ///
    /// The connection broke, or what came is not RESP. A refusal is an [`Answer`].
    pub async fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Answer> {
        self.send(args).await?;
        self.receive().await
    }

    /// Sends a command; the answer is fetched by [`receive`](Client::receive).
    ///
    /// # Cancellation
    ///
    /// Lossy, as [`call`](Client::call) is.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        self.stream.write_all(&encode(args)).await
    }

    /// Waits for the next answer.
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// The connection broke, or what came is not RESP.
    pub async fn receive(&mut self) -> io::Result<Answer> {
        loop {
            let mut rest = &self.received[..];
            if let Some(answer) = parse(&mut rest)? {
                let used = self.received.len() - rest.len();
                self.received.drain(..used);
                return Ok(answer);
            }
            let mut chunk = vec![0; CHUNK];
            match self.stream.read(&mut chunk).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.received.extend_from_slice(&chunk[..n]),
            }
        }
    }
}

/// A command as an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Takes one answer off the front; `None` if it is not whole yet.
fn parse(bytes: &mut &[u8]) -> io::Result<Option<Answer>> {
    let Some(line) = take_line(bytes) else { return Ok(None) };
    let (kind, words) = line.split_first().ok_or_else(strange)?;
    let words = std::str::from_utf8(words).map_err(|_| strange())?;
    Ok(match kind {
        b'+' => Some(Answer::Simple(words.to_owned())),
        b'-' => Some(Answer::Error(words.to_owned())),
        b':' => Some(Answer::Integer(number(words)?)),
        b'$' => bulk(number(words)?, bytes),
        b'*' => array(number(words)?, bytes)?,
        _ => return Err(strange()),
    })
}

fn bulk(len: i64, bytes: &mut &[u8]) -> Option<Answer> {
    let Ok(len) = usize::try_from(len) else { return Some(Answer::Nil) };
    let value = bytes.get(..len)?.to_vec();
    *bytes = bytes.get(len + 2..)?;
    Some(Answer::Bulk(value))
}

fn array(len: i64, bytes: &mut &[u8]) -> io::Result<Option<Answer>> {
    let mut answers = Vec::new();
    for _ in 0..len {
        match parse(bytes)? {
            Some(answer) => answers.push(answer),
            None => return Ok(None),
        }
    }
    Ok(Some(if len < 0 { Answer::Nil } else { Answer::Array(answers) }))
}

fn take_line<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = &bytes[..end];
    *bytes = &bytes[end + 2..];
    Some(line)
}

fn number(words: &str) -> io::Result<i64> {
    words.parse().map_err(|_| strange())
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server does not speak RESP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood_when_they_are_whole() {
        let all = b"*4\r\n+OK\r\n:-7\r\n$3\r\na\r\n\r\n*-1\r\n-ERR no\r\n";
        let array = [
            Answer::Simple("OK".into()),
            Answer::Integer(-7),
            Answer::Bulk(b"a\r\n".to_vec()),
            Answer::Nil,
        ];
        let whole = all.len() - b"-ERR no\r\n".len();
        for cut in 0..whole {
            assert_eq!(parse(&mut &all[..cut]).unwrap(), None, "cut at {cut}");
        }
        let mut rest = &all[..];
        assert_eq!(parse(&mut rest).unwrap(), Some(Answer::Array(array.into())));
        assert_eq!(parse(&mut rest).unwrap(), Some(Answer::Error("ERR no".into())));
        assert!(parse(&mut &b"hello\r\n"[..]).is_err());
    }
}
