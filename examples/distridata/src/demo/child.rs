//! A node as a process of its own, so that it can be killed as the real ones are.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use distridata_core::client::Client;
use runtime_traits::{io, task};

/// A node that runs. Dropping it kills it.
pub(super) struct Node {
    pub(super) runtime: &'static str,
    pub(super) addr: SocketAddr,
    /// With the pipe that it reads: where that ends, it ends.
    process: Child,
    /// Kept, so that the node can go on printing.
    _said: BufReader<ChildStdout>,
}

/// How to start a node.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) runtime: &'static str,
    pub(super) listen: SocketAddr,
    pub(super) data: PathBuf,
    pub(super) follow: Option<SocketAddr>,
}

impl Node {
    /// Starts a node and waits until it listens.
    ///
    /// # Cancellation
    ///
    /// Leaves running: the process is started all the same, and killed when it has said where it
    /// listens.
    pub(super) async fn start(plan: Plan) -> io::Result<Node> {
        task::spawn_blocking(move || start(&plan)).await.map_err(io::Error::other)?
    }

    /// Kills it as `kill -9` does: it gets no chance to say goodbye.
    pub(super) fn kill(mut self) {
        self.end();
    }

    pub(super) async fn client(&self) -> io::Result<Client> {
        Client::connect(self.addr).await
    }

    fn end(&mut self) {
        // It may have ended by itself; then there is nobody to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

fn start(plan: &Plan) -> io::Result<Node> {
    let notes = plan.data.with_extension("txt");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["serve", "--runtime", plan.runtime, "--listen", &plan.listen.to_string()]);
    command.args([Path::new("--data"), &plan.data]);
    command.args(["--demo", &std::process::id().to_string()]);
    if let Some(primary) = plan.follow {
        command.args(["--follow", &primary.to_string()]);
    }
    let notes_file = File::options().create(true).append(true).open(&notes)?;
    // Ctrl-C is for the demo alone: its nodes have to tidy up.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(notes_file);
    let mut process = command.spawn()?;
    let stdout = process.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
    let mut said = BufReader::new(stdout);
    match heard_address(&mut said)? {
        Some(addr) => Ok(Node { runtime: plan.runtime, addr, process, _said: said }),
        None => {
            let status = process.wait()?; // which closes its input
            let words = std::fs::read_to_string(&notes).unwrap_or_default();
            Err(io::Error::other(format!("the node on {} ended ({status}): {words}", plan.runtime)))
        }
    }
}

/// Reads up to the line that says where the node listens; `None` if it ends before.
fn heard_address(said: &mut impl BufRead) -> io::Result<Option<SocketAddr>> {
    let mut line = String::new();
    while said.read_line(&mut line)? > 0 {
        let address = line.strip_prefix("listening at ").and_then(|rest| rest.split(' ').next());
        if let Some(address) = address {
            return address.parse().map(Some).map_err(io::Error::other);
        }
        line.clear();
    }
    Ok(None)
}
