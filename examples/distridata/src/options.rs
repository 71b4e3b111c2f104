//! The command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use distridata_core::{Fsync, Settings, VALUE_MAX};

pub(crate) const USAGE: &str = "\
usage: distridata serve [options]
       distridata demo

serve   runs one node
  --runtime NAME   default, tokio, smol or humboldt (default: default)
  --listen ADDR    where clients and followers connect (default: 127.0.0.1:6380)
  --data DIR       where the log is kept (default: ./distridata-data)
  --follow ADDR    be a copy of the node there: what this one has of its own is replaced;
                   to promote it, start it again without --follow
  --fsync WHEN     everysec: a power cut loses a second; always: nothing (default: everysec)
  --max-clients N  clients at a time (default: 20000)
  --max-value N    bytes a value may have, at most 268435456 (default: 67108864)
  --compact-after N   bytes by which the log grows before it is compacted (default: 67108864)
  --heartbeat-ms N    how often nodes hear of each other, 1 to 60000 (default: 1000)
  --cut-damaged    drop what is behind the first damaged byte of the log instead of refusing to start

demo    starts three nodes on three runtimes, kills one, and tells what happens";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Serve(Options),
    Demo,
}

/// How a node is to be run.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) runtime: Runtime,
    pub(crate) listen: String,
    pub(crate) data: PathBuf,
    pub(crate) settings: Settings,
    /// The demo whose node this is. Not in the usage: nobody else has a use for it.
    pub(crate) demo: Option<u32>,
}

/// What runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    Default,
    Tokio,
    Smol,
    Humboldt,
}

/// What `--runtime` may be. The tests ask the program for this list and try them all.
const RUNTIMES: [(&str, Runtime); 4] = [
    ("default", Runtime::Default),
    ("tokio", Runtime::Tokio),
    ("smol", Runtime::Smol),
    ("humboldt", Runtime::Humboldt),
];

/// Nobody is waited for any longer.
const HEARTBEAT_MS_MAX: u64 = 60_000;

/// Understands the arguments behind the program's name; the error says what is wrong with them.
pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Command, String> {
    match args.next().map(text).transpose()?.as_deref() {
        Some("serve") => serve(args),
        Some("demo") => match args.next().map(text).transpose()?.as_deref() {
            None => Ok(Command::Demo),
            Some("--help" | "-h") => Ok(Command::Help),
            Some(extra) => Err(format!("demo takes no `{extra}`")),
        },
        Some("--help" | "-h" | "help") => Ok(Command::Help),
        Some(other) => Err(format!("there is no command `{other}`")),
        None => Err("say what to do".into()),
    }
}

/// Only the name of a directory may be anything.
fn text(arg: OsString) -> Result<String, String> {
    arg.into_string().map_err(|arg| format!("`{}` is not UTF-8", arg.to_string_lossy()))
}

fn serve(mut args: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options {
        runtime: Runtime::Default,
        listen: "127.0.0.1:6380".into(),
        data: "distridata-data".into(),
        settings: Settings::default(),
        demo: None,
    };
    while let Some(flag) = args.next() {
        let flag = text(flag)?;
        let settings = &mut options.settings;
        let mut raw = || args.next().ok_or(format!("{flag} needs a value"));
        if flag == "--data" {
            options.data = raw()?.into();
            continue;
        }
        let mut value = || raw().and_then(text);
        match flag.as_str() {
            "--runtime" => options.runtime = runtime(&value()?)?,
            "--listen" => options.listen = address(value()?, 0)?,
            "--follow" => settings.follow = Some(address(value()?, 1)?),
            "--fsync" => settings.fsync = fsync(&value()?)?,
            "--max-clients" => settings.clients_max = number(&flag, &value()?, usize::MAX)?,
            "--max-value" => settings.value_max = number(&flag, &value()?, VALUE_MAX)?,
            "--compact-after" => settings.compact_after = number(&flag, &value()?, u64::MAX)?,
            "--heartbeat-ms" => {
                let millis = number(&flag, &value()?, HEARTBEAT_MS_MAX)?.max(1);
                settings.heartbeat = Duration::from_millis(millis);
            }
            "--demo" => options.demo = Some(number(&flag, &value()?, u32::MAX)?),
            "--cut-damaged" => settings.cut_damaged = true,
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    Ok(Command::Serve(options))
}

fn runtime(name: &str) -> Result<Runtime, String> {
    let found = RUNTIMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, runtime)| *runtime).ok_or_else(|| {
        let names: Vec<&str> = RUNTIMES.iter().map(|(known, _)| *known).collect();
        format!("there is no runtime `{name}`; there are {}", names.join(", "))
    })
}

fn fsync(when: &str) -> Result<Fsync, String> {
    match when {
        "always" => Ok(Fsync::Always),
        "everysec" => Ok(Fsync::EverySec),
        other => Err(format!("--fsync is always or everysec, not `{other}`")),
    }
}

/// Of the form only: who has this name may change while the node runs.
fn address(text: String, port_min: u16) -> Result<String, String> {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port >= port_min);
    match text.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && is_port(port) => Ok(text),
        _ => Err(format!("`{text}` is not like 127.0.0.1:6380 or some.host:6380")),
    }
}

fn number<N: FromStr + Ord + Display>(flag: &str, text: &str, max: N) -> Result<N, String> {
    match text.parse() {
        Ok(number) if number <= max => Ok(number),
        Ok(_) => Err(format!("{flag} is at most {max}, not {text}")),
        Err(_) => Err(format!("{flag} takes a number, not `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn every_option_arrives() {
        let line = "serve --runtime smol --listen 127.0.0.1:7 --data d --follow h:1 --fsync always \
                    --max-clients 3 --max-value 5 --compact-after 9 --heartbeat-ms 50 --cut-damaged";
        let Ok(Command::Serve(options)) = parsed(line) else { panic!("not understood") };
        assert_eq!(options.runtime, Runtime::Smol);
        assert_eq!(options.listen, "127.0.0.1:7");
        assert_eq!(options.data.to_str(), Some("d"));
        let settings = options.settings;
        assert_eq!(settings.follow.as_deref(), Some("h:1"));
        assert_eq!(settings.fsync, Fsync::Always);
        assert_eq!((settings.clients_max, settings.value_max), (3, 5));
        assert_eq!((settings.compact_after, settings.heartbeat.as_millis()), (9, 50));
        assert!(settings.cut_damaged);
    }

    #[test]
    fn help_is_told_wherever_it_is_asked_for() {
        for line in ["help", "--help", "serve --help", "serve --data d -h", "demo --help"] {
            assert!(matches!(parsed(line), Ok(Command::Help)), "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_a_directory_may_have_a_name_that_is_no_text() {
        use std::os::unix::ffi::OsStringExt;
        let odd = || OsString::from_vec(b"\xFF".to_vec());
        let args = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        for words in [&[][..], &["serve"], &["demo"], &["serve", "--follow"]] {
            let fault = parse(args(words).into_iter().chain([odd()])).unwrap_err();
            assert!(fault.contains("is not UTF-8"), "{words:?}: {fault}");
        }
        let with_data = args(&["serve", "--data"]).into_iter().chain([odd()]);
        let Ok(Command::Serve(options)) = parse(with_data) else { panic!("not understood") };
        assert_eq!(options.data, PathBuf::from(odd()));
    }

    #[test]
    fn faults_are_named() {
        for (line, part) in [
            ("", "say what to do"),
            ("srve", "no command `srve`"),
            ("demo now", "no `now`"),
            ("serve --follow nonsense", "`nonsense` is not like"),
            ("serve --follow host:port", "`host:port` is not like"),
            ("serve --follow :6380", "`:6380` is not like"),
            ("serve --max-value 268435457", "at most 268435456"),
            ("serve --max-value 9223372036854775808", "at most 268435456"),
            ("serve --heartbeat-ms 60001", "at most 60000"),
            ("serve --runtime rocket", "no runtime `rocket`"),
            ("serve --listen here", "`here` is not like"),
            ("serve --fsync often", "not `often`"),
            ("serve --max-value", "needs a value"),
            ("serve --max-value x", "a number, not `x`"),
            ("serve --quick", "no option `--quick`"),
        ] {
            let fault = parsed(line).unwrap_err();
            assert!(fault.contains(part), "`{line}`: {fault}");
        }
    }
}
