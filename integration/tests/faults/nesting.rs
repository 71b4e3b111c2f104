//! `block_on` inside what a runtime polls: it works or is refused at once, and says what to do.

use std::fmt::Display;

use runtime_traits::task::{self, yield_now};
use runtime_traits::{Handle, Refused};

use crate::support::{MANY, on_every_runtime, panic_of, with_every_runtime};

/// It worked, or was refused with a text that helps.
#[track_caller]
fn worked_or_refused(nested: Result<u32, impl Display>) {
    match nested {
        Ok(output) => assert_eq!(output, 7),
        Err(error) => {
            assert_eq!(error.to_string(), Refused::NOT_HERE.to_string());
            assert!(error.to_string().contains("`.await`"), "{error}");
        }
    }
}

async fn seven() -> u32 {
    yield_now().await;
    7
}

on_every_runtime! {
    async fn in_block_on() {
        let handle = Handle::current();
        worked_or_refused(handle.block_on(seven()));
        worked_or_refused(handle.block_on(async { handle.spawn(seven()).await.unwrap() }));
        assert_eq!(handle.spawn(seven()).await.unwrap(), 7);
    }

    async fn in_a_task() {
        let task = runtime_traits::spawn(async {
            let handle = Handle::current();
            worked_or_refused(handle.block_on(seven()));
            worked_or_refused(handle.block_on(async { handle.spawn(seven()).await.unwrap() }));
        });
        task.await.unwrap();
    }

    async fn in_a_local_task() {
        let task = task::spawn_local(async {
            let handle = Handle::current();
            worked_or_refused(handle.block_on(seven()));
            worked_or_refused(handle.block_on(async { handle.spawn(seven()).await.unwrap() }));
        });
        match task.await {
            Ok(()) => {}
            // On the threads of some runtimes there are none.
            Err(error) => assert!(error.unsupported().is_some(), "{error}"),
        }
    }

    /// There, blocking is what one comes for.
    async fn in_a_blocking_closure_it_works() {
        let task = task::spawn_blocking(|| {
            let handle = Handle::current();
            let simple = handle.block_on(seven()).unwrap();
            simple + handle.block_on(async { handle.spawn(seven()).await.unwrap() }).unwrap()
        });
        assert_eq!(task.await.unwrap(), 14);
    }

    async fn of_another_runtime_in_a_task() {
        for other in MANY {
            let other = other();
            let (handle, owner) = (other.handle(), other);
            let task = runtime_traits::spawn(async move {
                worked_or_refused(handle.block_on(seven()));
                worked_or_refused(handle.block_on(async { handle.spawn(seven()).await.unwrap() }));
            });
            task.await.unwrap();
            drop(owner);
        }
    }
}

with_every_runtime! {
    /// The method that cannot answer an error panics with that text, and all goes on.
    fn the_owner_panics_and_says_what_to_do(start: Start) {
        let owner = std::sync::Arc::new(start());
        let inside = owner.clone();
        let task = owner.handle().spawn(async move {
            if inside.handle().block_on(async {}).is_err() {
                let (text, _) = panic_of(|| inside.block_on(async {}));
                assert!(text.contains("`.await`"), "{text}");
            }
        });
        owner.block_on(task).unwrap();
        assert_eq!(owner.block_on(seven()), 7);
    }

    fn in_a_scope_on_a_plain_thread_it_works(start: Start) {
        let owner = start();
        let handle = owner.handle();
        assert_eq!(handle.enter(|| handle.block_on(seven())).unwrap(), 7);
        assert_eq!(handle.enter(|| handle.enter(|| owner.block_on(seven()))), 7);
    }
}
