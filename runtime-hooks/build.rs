//! Build script: there is nothing to do, but `links` asks for one.

fn main() {
    // `links` makes two versions of this crate in one program an error: they would be two "currents".
    println!("cargo:rerun-if-changed=build.rs");
}
