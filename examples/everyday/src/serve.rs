//! Serves the files below a directory over HTTP/1.1, one request per connection.
//!
//! Enough for `curl` and a browser: GET and HEAD, directories as lists, honest errors. Whatever a request
//! names is resolved by the system first (`canonicalize`), so neither `..` nor a link leads out.
//!
//! | limit | |
//! |---|---|
//! | connections at a time | 256: the others wait in the backlog |
//! | the head of a request | 8 KiB, within 10 seconds |
//! | Ctrl-C | no more connections; those that are open get 10 seconds to end |

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_lock::Semaphore;
use futures_lite::StreamExt;
use runtime_traits::fs::{self, File};
use runtime_traits::io::{self, AsyncWriteExt, BufWriter};
use runtime_traits::net::{TcpListener, TcpStream};
use runtime_traits::signal;
use runtime_traits::task::{CancelToken, TaskGroup};
use runtime_traits::time::timeout;

const CONNECTIONS: usize = 256;
const HEAD_MAX: usize = 8 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves until Ctrl-C.
pub(crate) async fn serve(root: &Path, at: &str) -> io::Result<ExitCode> {
    let root: Arc<Path> = fs::canonicalize(root).await?.into();
    let listener = TcpListener::bind(at).await?;
    println!("http://{}/", listener.local_addr()?);

    let stop = CancelToken::new();
    let (stops, mut ctrl_c) = (stop.clone(), Box::pin(signal::ctrl_c()));
    let mut connections = TaskGroup::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    connections.spawn(async move {
        let _ = ctrl_c.as_mut().await;
        stops.cancel();
    });
    loop {
        let next = async {
            let place = places.acquire_arc().await;
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        let Some(next) = stop.run_until_cancelled(next).await else { break };
        let (stream, place) = next?;
        let root = root.clone();
        connections.spawn(async move {
            // How a connection ended is its own affair.
            let _ = answer(&stream, &root).await;
            drop(place);
        });
    }
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(PATIENCE, rest).await; // whoever is left is dropped with the group
    Ok(ExitCode::SUCCESS)
}

/// What is sent back.
enum Answer {
    File(File, u64),
    List(String),
    Fault(&'static str),
}

async fn answer(stream: &TcpStream, root: &Path) -> io::Result<()> {
    let request = match timeout(PATIENCE, head(stream)).await {
        Ok(request) => request?,
        Err(_) => return send(stream, true, Answer::Fault("408 Request Timeout")).await,
    };
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let answer = match (method, decode(target)) {
        ("GET" | "HEAD", Some(path)) => find(root, &path).await,
        ("GET" | "HEAD", None) => Answer::Fault("400 Bad Request"),
        _ => Answer::Fault("405 Method Not Allowed"),
    };
    send(stream, method != "HEAD", answer).await
}

/// The first line of a request, once its head is there.
async fn head(stream: &TcpStream) -> io::Result<String> {
    let (mut head, mut chunk) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let n = stream.read(&mut chunk).await?;
        if n == 0 || head.len() + n > HEAD_MAX {
            return Ok(String::new()); // which is no method that we know
        }
        head.extend_from_slice(&chunk[..n]);
    }
    let head = String::from_utf8_lossy(&head);
    Ok(head.lines().next().unwrap_or_default().to_owned())
}

/// The path that a target names, without its query; `None`: it is malformed.
fn decode(target: &str) -> Option<PathBuf> {
    let target = target.split('?').next()?.strip_prefix('/')?;
    let (mut bytes, mut rest) = (Vec::new(), target.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |digit: u8| char::from(digit).to_digit(16);
                (digit(*high)? as u8 * 16 + digit(*low)? as u8, after)
            }
            (b'%', _) => return None,
            _ => (first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    let path = String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))?;
    Some(path.trim_start_matches('/').into())
}

async fn find(root: &Path, path: &Path) -> Answer {
    match open(root, path).await {
        Ok(answer) => answer,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Answer::Fault("403 Forbidden")
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Answer::Fault("404 Not Found"),
        Err(_) => Answer::Fault("500 Internal Server Error"),
    }
}

async fn open(root: &Path, path: &Path) -> io::Result<Answer> {
    let path = fs::canonicalize(root.join(path)).await?;
    if !path.starts_with(root) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let is = fs::metadata(&path).await?;
    if is.is_dir() {
        return Ok(Answer::List(list(&path).await?));
    }
    if !is.is_file() {
        return Err(io::ErrorKind::PermissionDenied.into()); // a FIFO would wait for a writer
    }
    let file = File::open(&path).await?;
    let len = file.metadata().await?.len();
    Ok(Answer::File(file, len))
}

/// The names in a directory, a line each.
async fn list(path: &Path) -> io::Result<String> {
    let (mut entries, mut names) = (fs::read_dir(path).await?, Vec::new());
    while let Some(entry) = entries.next().await.transpose()? {
        let slash = if entry.file_type().await?.is_dir() { "/" } else { "" };
        names.push(format!("{}{slash}\n", entry.file_name().to_string_lossy()));
    }
    names.sort();
    Ok(names.concat())
}

async fn send(stream: &TcpStream, with_body: bool, answer: Answer) -> io::Result<()> {
    let (status, len) = match &answer {
        Answer::File(_, len) => ("200 OK", *len),
        Answer::List(text) => ("200 OK", text.len() as u64),
        Answer::Fault(status) => (*status, status.len() as u64 + 1),
    };
    let kind = match &answer {
        Answer::File(..) => "application/octet-stream",
        _ => "text/plain; charset=utf-8",
    };
    let mut to = BufWriter::new(stream);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\
         Connection: close\r\n\r\n"
    );
    to.write_all(head.as_bytes()).await?;
    match answer {
        _ if !with_body => {}
        Answer::File(file, len) => {
            // No more than was promised, should it have grown.
            io::copy(io::AsyncReadExt::take(&file, len), &mut to).await?;
        }
        Answer::List(text) => to.write_all(text.as_bytes()).await?,
        Answer::Fault(status) => to.write_all(format!("{status}\n").as_bytes()).await?,
    }
    to.flush().await?;
    stream.shutdown(std::net::Shutdown::Write).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_decoded_or_refused() {
        let of = |target| decode(target).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(of("/a%20b?c=d").as_deref(), Some("a b"));
        assert_eq!(of("//etc/passwd").as_deref(), Some("etc/passwd"));
        assert_eq!(of("/%C3%A4").as_deref(), Some("ä"));
        for wrong in ["", "a", "/%", "/%4", "/%zz", "/%00", "/%ff"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
