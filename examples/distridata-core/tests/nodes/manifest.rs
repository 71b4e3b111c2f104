//! What the library depends on: of this workspace `runtime-traits`, and no runtime at all.

use std::process::Command;

#[test]
fn the_library_names_no_runtime() {
    let depth = |depth: &str| {
        let args = ["tree", "-p", "distridata-core", "-e", "normal", "--prefix", "none"];
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(args).args(["--depth", depth, "--offline", "--manifest-path", manifest]);
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).unwrap();
        let ours = tree.lines().filter(|line| line.contains("(/") || line.contains(":\\"));
        let names = ours.filter_map(|line| line.split(' ').next().map(str::to_owned));
        names.filter(|name| name != "distridata-core").collect::<Vec<_>>()
    };
    assert_eq!(depth("1"), ["runtime-traits"], "fix: call `runtime-traits`, whoever runs us");
    let all = depth("100");
    let is_runtime = |name: &&str| all.iter().any(|found| found == name);
    let runtimes = ["runtime-default", "runtime-tokio", "runtime-smol", "humboldt"];
    assert_eq!(runtimes.iter().find(|name| is_runtime(name)), None);
}
