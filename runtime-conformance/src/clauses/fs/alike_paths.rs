//! FS-4: functions on paths do what std's do.

use std::fs as std_fs;
use std::path::Path;

use runtime_traits::fs;

use super::alike::{said, same};
use super::place::Place;
use crate::clauses::tcp::steps::in_task;
use crate::rig::Rig;

/// What is compared: a text, or the kind of an error.
type Said = Result<String, std::io::ErrorKind>;

/// Calls a function of ours and the one of std's of that name, with the same arguments in two trees, and
/// compares what `$shown` makes of their results.
macro_rules! both {
    ($ours:ident, $std:ident: $name:ident($($path:literal),* $(; $more:expr)*) => $shown:expr) => {{
        let shown = $shown;
        let did: Said = said(fs::$name($($ours.join($path),)* $($more)*).await.map(&shown));
        let expected: Said = said(std_fs::$name($($std.join($path),)* $($more)*).map(&shown));
        same(concat!(stringify!($name), "(", $($path, " ",)* ")"), did, expected);
    }};
}

/// FS-4: functions on paths give what std's give, also when they fail, and leave what std's leave.
///
/// Method: the same calls in two trees, in an order in which some work, some fail, and one builds on
/// another. What is left is compared, too.
///
/// If this fails, look for an error that is translated on its way.
pub(super) fn fs_4_paths_are_what_they_are_to_std(rig: &Rig<'_>) {
    let (rt, place) = (rig.rt(), Place::new(rig));
    in_task(rig, &rt, "FS-4: functions on paths", async move {
        let (ours, std) = (place.at("ours"), place.at("stds"));
        for root in [&ours, &std] {
            std_fs::create_dir(root).expect("std makes a directory");
        }
        calls(&ours, &std).await;
        links(&ours, &std).await;
        let (did, expected) = (listed(&ours), listed(&std));
        same("what is left", did, expected);
        both!(ours, std: remove_dir_all("deep") => unit);
        both!(ours, std: remove_dir_all("deep") => unit);
        same("what is left in the end", listed(&ours), listed(&std));
    });
    rig.shutdown(rt);
}

fn unit((): ()) -> String {
    String::new()
}

fn facts(of: std_fs::Metadata) -> String {
    format!("{} {:?} {:?}", of.len(), of.file_type(), of.permissions())
}

fn facts_of_a_kind(of: std_fs::Metadata) -> String {
    format!("{:?}", of.file_type()) // a directory's length is the file system's affair
}

async fn calls(ours: &Path, std: &Path) {
    both!(ours, std: metadata("file") => facts);
    both!(ours, std: read("file") => |bytes| format!("{bytes:?}"));
    both!(ours, std: write("file"; b"seven\n\n") => unit);
    both!(ours, std: metadata("file") => facts);
    both!(ours, std: symlink_metadata("file") => facts);
    both!(ours, std: read("file") => |bytes| format!("{bytes:?}"));
    both!(ours, std: read_to_string("file") => |text| text);
    both!(ours, std: write("raw"; [0xff, 0xfe]) => unit);
    both!(ours, std: read_to_string("raw") => |text| text);
    both!(ours, std: create_dir("directory") => unit);
    both!(ours, std: create_dir("directory") => unit);
    both!(ours, std: create_dir("not/there") => unit);
    both!(ours, std: create_dir_all("deep/er/still") => unit);
    both!(ours, std: create_dir_all("deep/er/still") => unit);
    both!(ours, std: create_dir_all("file/below") => unit);
    both!(ours, std: metadata("deep/er") => facts_of_a_kind);
    both!(ours, std: read("directory") => |bytes| format!("{bytes:?}"));
    both!(ours, std: write("directory"; b"") => unit);
    both!(ours, std: remove_file("directory") => unit);
    both!(ours, std: remove_dir("file") => unit);
    both!(ours, std: remove_dir("deep") => unit);
    both!(ours, std: copy("file", "copied") => |n: u64| n.to_string());
    both!(ours, std: copy("not-there", "copied") => |n: u64| n.to_string());
    both!(ours, std: copy("file", "not/there") => |n: u64| n.to_string());
    both!(ours, std: rename("copied", "deep/renamed") => unit);
    both!(ours, std: rename("copied", "deep/renamed") => unit);
    both!(ours, std: rename("file", "directory") => unit);
    both!(ours, std: exists("file") => |is: bool| is.to_string());
    both!(ours, std: exists("copied") => |is: bool| is.to_string());
    both!(ours, std: canonicalize("not-there") => |path| format!("{path:?}"));
    both!(ours, std: remove_dir("directory") => unit);
    both!(ours, std: remove_file("not-there") => unit);
    let names = fs::read_dir(ours.join("not-there")).await.map(drop);
    same(
        "read_dir(not-there)",
        said(names),
        said(std_fs::read_dir(std.join("not-there")).map(drop)),
    );
}

#[cfg(unix)]
async fn links(ours: &Path, std: &Path) {
    use std::os::unix::fs::{PermissionsExt, symlink};
    both!(ours, std: hard_link("file", "twin") => unit);
    both!(ours, std: hard_link("file", "twin") => unit);
    both!(ours, std: read_link("file") => |path| format!("{path:?}"));
    let link = |root: &Path| root.join("link");
    for _ in 0..2 {
        let did = said(fs::symlink("file", link(ours)).await);
        same("symlink(file)", did, said(symlink("file", link(std))));
    }
    both!(ours, std: read_link("link") => |path| format!("{path:?}"));
    both!(ours, std: metadata("link") => facts);
    both!(ours, std: symlink_metadata("link") => facts_of_a_kind);
    both!(ours, std: set_permissions("file"; std_fs::Permissions::from_mode(0o640)) => unit);
    both!(ours, std: metadata("link") => facts);
    both!(ours, std: set_permissions("not-there"; std_fs::Permissions::from_mode(0o640)) => unit);
}

/// Links need a privilege there.
#[cfg(not(unix))]
async fn links(_: &Path, _: &Path) {}

/// The names and contents of all that is below, as std sees them.
fn listed(root: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std_fs::read_dir(directory).expect("std lists").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).expect("below it").display().to_string();
            match path.is_dir() {
                true => left.push(path),
                false => all.push(format!("{name}: {:?}", std_fs::read(&path))),
            }
        }
    }
    all.sort();
    all
}
