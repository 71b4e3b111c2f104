//! A program that waits for what cannot come is told so, and what waits.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use runtime_traits::task::Builder;
use toy::Toy;

#[test]
fn a_stalled_program_is_told_what_waits() {
    let toy = Toy::new();
    let run = catch_unwind(AssertUnwindSafe(|| {
        toy.handle().block_on(async {
            let _read = Builder::new().name("reader").spawn(pending::<()>());
            runtime_traits::time::sleep(Duration::from_secs(5)).await;
            pending::<()>().await;
        })
    }));
    let payload = run.expect_err("nothing can end this program");
    let text = payload.downcast_ref::<String>().expect("the toy says it in words");
    assert!(text.starts_with("stalled at") && text.contains("reader"), "{text}");
}
