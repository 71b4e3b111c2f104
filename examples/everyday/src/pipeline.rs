//! `tr a-z A-Z | gzip -1 | wc -c`, without a shell, fed from our stdin.
//!
//! The pipes between the children are theirs: once they run, no byte passes through this program but
//! those it feeds to the first. However much that is, it is never more than a few buffers at a time.

use std::process::ExitCode;

use futures_lite::future::try_zip;
use runtime_traits::io;
use runtime_traits::process::{Child, Command, Stdio};

/// Runs the pipeline; prints what the last child prints, and our peak of memory on stderr.
pub(crate) async fn pipeline() -> io::Result<ExitCode> {
    let mut tr = Command::new("tr");
    let mut tr = start(tr.args(["a-z", "A-Z"]).stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let mut gzip = Command::new("gzip");
    let mut gzip = start(gzip.arg("-1").stdin(pipe(&mut tr)?).stdout(Stdio::piped()))?;
    let mut wc = Command::new("wc");
    let mut wc = start(wc.arg("-c").stdin(pipe(&mut gzip)?))?;

    let input = tr.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let feed = async move { io::copy(io::stdin(), &input).await }; // whose end is the drop of `input`
    let ends = try_zip(tr.wait(), try_zip(gzip.wait(), wc.wait()));
    let (fed, (tr, (gzip, wc))) = try_zip(feed, ends).await?;

    let peak = peak_memory().await;
    eprintln!(
        "{fed} bytes in{}",
        peak.map(|peak| format!("; our peak: {peak}")).unwrap_or_default()
    );
    match [tr, gzip, wc].iter().all(|status| status.success()) {
        true => Ok(ExitCode::SUCCESS),
        false => Err(io::Error::other(format!("tr: {tr}, gzip: {gzip}, wc: {wc}"))),
    }
}

/// Starts a child that does not outlive us.
fn start(command: &mut Command) -> io::Result<Child> {
    command.kill_on_drop(true).spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy();
        io::Error::new(error.kind(), format!("{program}: {error}"))
    })
}

/// The output of one child as the input of the next.
fn pipe(from: &mut Child) -> io::Result<Stdio> {
    let output = from.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    output.try_into()
}

/// The most memory that this process has had, as Linux tells it.
async fn peak_memory() -> Option<String> {
    let status = runtime_traits::fs::read_to_string("/proc/self/status").await.ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
