//! Runs one node until it is killed.

use std::process::ExitCode;
use std::sync::Arc;

use distridata_core::log::files::SystemDir;
use distridata_core::{Node, StartError};
use runtime_traits::{Handle, task};

use crate::options::Options;

/// The whole program, on whichever runtime.
pub(crate) async fn serve(options: Options) -> ExitCode {
    raise_descriptor_limit();
    let path = options.data.clone();
    let opened = task::spawn_blocking(move || SystemDir::open(&path)).await;
    let dir = match opened.expect("opening a directory does not panic") {
        Ok(dir) => Arc::new(dir),
        Err(error) => return failed(&options, &error),
    };
    let fsync = options.settings.fsync;
    let follow = options.settings.follow.clone();
    match Node::start(options.listen, dir, options.settings.clone()).await {
        Ok(mut node) => {
            announce(&node, follow.as_deref());
            let _ = fsync;
            let error = node.failed().await;
            eprintln!("distridata: the node has failed: {error}");
            ExitCode::FAILURE
        }
        Err(error) => failed_to_start(&options, &error),
    }
}

fn announce(node: &Node, follow: Option<&str>) {
    let (report, addr) = (node.report(), node.addr());
    if let Some(cut) = &report.cut {
        println!("recovered: {cut}");
    }
    println!("recovered: {} frames, the log ends at offset {}", report.frames, report.end);
    let role = follow.map_or("primary".into(), |primary| format!("follower of {primary}"));
    println!("listening at {addr} on runtime `{}`, {role}", Handle::current().info().name);
    println!("try: redis-cli -h {} -p {} INFO", addr.ip(), addr.port());
}

fn failed_to_start(options: &Options, error: &StartError) -> ExitCode {
    failed(options, error)
}

fn failed(options: &Options, error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("distridata: {}: {error}", options.data.display());
    ExitCode::FAILURE
}

/// Ten thousand clients need as many descriptors; the system grants more only to those who ask.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit); // with fewer, fewer clients are served
}
