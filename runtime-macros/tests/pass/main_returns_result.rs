//! `?` and early returns keep their meaning.

#[path = "../support/toy.rs"]
mod toy;

#[runtime_macros::main(runtime(crate::toy), flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), std::num::ParseIntError> {
    let number: u8 = "2".parse()?;
    toy::yield_once().await;
    assert_eq!(toy::asked().worker_threads, Some(number.into()));
    if number == 2 {
        return Ok(());
    }
    unreachable!()
}
