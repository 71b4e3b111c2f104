//! The attributes of the three runtimes find their crates by these names.

#[path = "../support/toy.rs"]
mod toy;

extern crate self as runtime_default;
extern crate self as runtime_smol;
extern crate self as runtime_tokio;
pub use toy::{Config, entry};

#[runtime_macros::tokio_main(require(timer))]
async fn on_tokio() -> usize {
    toy::asked().require.len()
}

#[runtime_macros::smol_main(require(net, block_on))]
async fn on_smol() -> usize {
    toy::asked().require.len()
}

#[runtime_macros::default_main]
async fn main() {
    assert_eq!((on_tokio(), on_smol()), (1, 2));
}
