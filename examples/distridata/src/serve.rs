//! Runs one node until it is killed.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use distridata_core::Node;
use distridata_core::log::files::SystemDir;
use runtime_traits::net::{TcpListener, lookup_host};
use runtime_traits::{Handle, io, task};

use crate::demo;
use crate::options::Options;
use crate::say::say;

/// The whole program, on whichever runtime.
pub(crate) async fn serve(options: Options) -> ExitCode {
    raise_descriptor_limit();
    if let Some(demo) = options.demo {
        demo::end_with(demo);
    }
    let listener = match listener(&options.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            return failed(&format_args!("cannot listen at {}: {error}", options.listen));
        }
    };
    let path = options.data.clone();
    let opened = task::spawn_blocking(move || SystemDir::open(&path)).await;
    let dir = match opened.expect("opening a directory does not panic") {
        Ok(dir) => Arc::new(dir),
        Err(error) => return failed(&error), // it names the directory
    };
    match Node::start_on(listener, dir, options.settings.clone()).await {
        Ok(mut node) => {
            announce(&node, options.settings.follow.as_deref());
            let error = node.failed().await;
            eprintln!("distridata: the node has failed: {error}");
            ExitCode::FAILURE
        }
        Err(error) => failed(&format_args!("{}: {error}", options.data.display())),
    }
}

/// Before the directory is touched, so that a refused address leaves nothing behind. A name that has
/// an address of version 4 means that one, as it does to most clients.
async fn listener(listen: &str) -> io::Result<TcpListener> {
    let mut addrs: Vec<SocketAddr> = lookup_host(listen).await?.collect();
    addrs.sort_by_key(SocketAddr::is_ipv6);
    TcpListener::bind(addrs).await
}

fn announce(node: &Node, follow: Option<&str>) {
    let (report, addr) = (node.report(), node.addr());
    if let Some(cut) = &report.cut {
        say(format_args!("recovered: {cut}"));
    }
    let (frames, end) = (report.frames, report.end);
    say(format_args!("recovered: {frames} frames, the log ends at offset {end}"));
    let role = follow.map_or("primary".into(), |primary| format!("follower of {primary}"));
    let runtime = Handle::current().info().name;
    say(format_args!("listening at {addr} on runtime `{runtime}`, {role}"));
    say(format_args!("try: redis-cli -h {} -p {} INFO", addr.ip(), addr.port()));
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("distridata: {error}");
    ExitCode::FAILURE
}

/// Ten thousand clients need as many descriptors; the system grants more only to those who ask.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit); // with fewer, fewer clients are served
}
