//! The attribute that belongs to no runtime, without one.

#[runtime_macros::main]
async fn main() -> Result<(), std::fmt::Error> {
    Ok(())
}

#[runtime_macros::main(worker_threads = 2)]
async fn other_options() {}

#[runtime_macros::main(runtime())]
async fn empty() {}

#[runtime_macros::main(runtime = "runtime_default")]
async fn equals() {}

#[runtime_macros::main(runtime("runtime_default"))]
async fn quotes() {}

#[runtime_macros::main(runtime(crate::a, crate::b))]
async fn two() {}

#[runtime_macros::test]
async fn test() {}

#[runtime_macros::test(runtimes())]
async fn no_test() {}
