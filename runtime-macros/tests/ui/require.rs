//! Capabilities that are none.

#[runtime_macros::default_main(require(timer, sockets))]
async fn main() {}

#[runtime_macros::default_main(require("timer"))]
async fn quotes() {}

#[runtime_macros::default_main(require = "timer")]
async fn equals() {}

#[runtime_macros::default_main(require())]
async fn empty() {}
