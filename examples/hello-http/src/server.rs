//! The server. No runtime is named here.

#![forbid(unsafe_code)]

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use runtime_traits::io;
use runtime_traits::net::{TcpListener, TcpStream};
use runtime_traits::time::{Duration, sleep};

use crate::rt::{Clock, Socket, Tasks};

/// How long to wait for a connection to end when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(20);

/// Serves until the listener fails; answers how.
pub(crate) async fn serve(listener: &TcpListener) -> io::Error {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => Tasks.execute(connection(stream)),
            Err(error) if is_the_clients(&error) => {}
            Err(error) if is_out_of_descriptors(&error) => sleep(PAUSE).await,
            Err(error) => return error,
        }
    }
}

/// Serves one client until it, or we, have had enough.
async fn connection(stream: TcpStream) {
    // Answers are small: send them at once. A socket without this option is as good.
    let _ = stream.set_nodelay(true);
    let served = http1::Builder::new()
        .timer(Clock) // hyper drops clients that take too long over their headers
        .serve_connection(Socket(stream), service_fn(answer));
    if let Err(error) = served.await {
        // A client that hangs up is no news; a request that is none might be.
        if error.is_parse() {
            eprintln!("hello-http: {error}");
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/") => (StatusCode::OK, "Hello, world!\n"),
        (_, "/") => (StatusCode::METHOD_NOT_ALLOWED, "Ask with GET.\n"),
        _ => (StatusCode::NOT_FOUND, "There is only /.\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    Ok(response)
}

/// Whether the client was gone before it was accepted: there may be others.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionReset)
}

/// EMFILE or ENFILE, the same numbers on every Unix; WSAEMFILE on Windows.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!((error.raw_os_error(), cfg!(unix)), (Some(23 | 24), true) | (Some(10024), false))
}
