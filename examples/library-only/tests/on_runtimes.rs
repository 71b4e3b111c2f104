//! The same library on four runtimes, one of them that of `examples/write-a-runtime`.

#![cfg(unix)] // where that one runs
#![forbid(unsafe_code)]

use library_only::{Server, ask};
use runtime_traits::net::TcpStream;
use runtime_traits::{io, spawn};

#[runtime_traits::test(runtimes(runtime_default, runtime_tokio, runtime_smol, pico))]
async fn a_client_gets_the_time_and_its_line_back() -> io::Result<()> {
    let server = Server::bind("127.0.0.1:0").await?;
    let addr = server.local_addr()?;
    let serving = spawn(server.run());
    let clients = [1, 2, 3].map(|n| spawn(async move { ask(addr, &format!("line {n}")).await }));
    for (client, n) in clients.into_iter().zip(1..) {
        let answer = client.await??;
        let (time, line) = answer.split_once(' ').unwrap();
        assert!(time.parse::<u32>().unwrap() < 24 * 60 * 60);
        assert_eq!(line, format!("line {n}"));
    }
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    Ok(())
}

#[runtime_traits::test(runtimes(runtime_default, runtime_tokio, runtime_smol, pico))]
async fn a_line_that_is_too_long_is_refused() -> io::Result<()> {
    let server = Server::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(server.local_addr()?).await?;
    let serving = spawn(server.run());
    let _ = client.write_all(&[b'x'; 8 * 1024]).await;
    let mut byte = [0];
    assert!(!matches!(client.read(&mut byte).await, Ok(1..)), "the server hangs up");
    serving.abort();
    Ok(())
}

#[runtime_traits::test(runtimes(runtime_default, runtime_tokio, runtime_smol, pico))]
async fn a_server_that_is_not_there_is_an_error() -> io::Result<()> {
    let server = Server::bind("127.0.0.1:0").await?;
    let addr = server.local_addr()?;
    drop(server);
    let refused = ask(addr, "anybody?").await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    Ok(())
}
