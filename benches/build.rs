//! Notes the compiler's version, which every record names.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-V").output();
    let version =
        version.map_or_else(|_| String::new(), |out| String::from_utf8_lossy(&out.stdout).into());
    println!("cargo:rustc-env=BENCHES_RUSTC={}", version.trim());
    println!("cargo:rerun-if-changed=build.rs");
}
