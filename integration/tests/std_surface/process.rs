//! Twins of `std::process` and `std::os::unix::process`.

use std::path::Path;

use runtime_traits::process::{Child, Command, Stdio};

use crate::twin;

pub(crate) fn twins() -> Vec<&'static str> {
    [building(), asking(), running(), child(), unix()].concat()
}

fn building() -> Vec<&'static str> {
    vec![
        twin("process::Command::new", |program: &str| Command::new(program)),
        twin("process::Command::arg", |command: &mut Command, argument: &str| {
            command.arg(argument);
        }),
        twin("process::Command::args", |command: &mut Command, arguments: &[&str]| {
            command.args(arguments);
        }),
        twin("process::Command::env", |command: &mut Command, name: &str, value: &str| {
            command.env(name, value);
        }),
        twin("process::Command::envs", |command: &mut Command, variables: Vec<(&str, &str)>| {
            command.envs(variables);
        }),
        twin("process::Command::env_remove", |command: &mut Command, name: &str| {
            command.env_remove(name);
        }),
        twin("process::Command::env_clear", |command: &mut Command| {
            command.env_clear();
        }),
        twin("process::Command::current_dir", |command: &mut Command, path: &Path| {
            command.current_dir(path);
        }),
        twin("process::Command::stdin", |command: &mut Command| {
            command.stdin(Stdio::piped());
        }),
        twin("process::Command::stdout", |command: &mut Command| {
            command.stdout(Stdio::piped());
        }),
        twin("process::Command::stderr", |command: &mut Command| {
            command.stderr(Stdio::null());
        }),
    ]
}

fn asking() -> Vec<&'static str> {
    vec![
        twin("process::Command::get_program", |command: &Command| command.get_program().to_owned()),
        twin("process::Command::get_args", |command: &Command| command.get_args().count()),
        twin("process::Command::get_envs", |command: &Command| command.get_envs().count()),
        twin("process::Command::get_current_dir", |command: &Command| {
            command.get_current_dir().map(Path::to_owned)
        }),
    ]
}

fn running() -> Vec<&'static str> {
    vec![
        twin("process::Command::spawn", |command: &mut Command| command.spawn()),
        twin("process::Command::output", async |command: &mut Command| command.output().await),
        twin("process::Command::status", async |command: &mut Command| command.status().await),
    ]
}

fn child() -> Vec<&'static str> {
    vec![
        twin("process::Child::id", |child: &Child| child.id()),
        twin("process::Child::kill", |child: &mut Child| child.kill()),
        twin("process::Child::try_wait", |child: &mut Child| child.try_wait()),
        twin("process::Child::wait", async |child: &mut Child| child.wait().await),
        twin("process::Child::wait_with_output", async |child: Child| {
            child.wait_with_output().await
        }),
    ]
}

fn unix() -> Vec<&'static str> {
    vec![
        twin("os::unix::process::CommandExt::uid", |command: &mut Command, user: u32| {
            command.uid(user);
        }),
        twin("os::unix::process::CommandExt::gid", |command: &mut Command, group: u32| {
            command.gid(group);
        }),
        twin("os::unix::process::CommandExt::arg0", |command: &mut Command, name: &str| {
            command.arg0(name);
        }),
        twin(
            "os::unix::process::CommandExt::process_group",
            |command: &mut Command, group: i32| {
                command.process_group(group);
            },
        ),
        twin("os::unix::process::CommandExt::exec", |command: &mut Command| command.exec()),
        // SAFETY: never run; a closure that does nothing would be safe after a fork.
        twin("os::unix::process::CommandExt::pre_exec", |command: &mut Command| unsafe {
            command.pre_exec(|| Ok(()));
        }),
    ]
}
