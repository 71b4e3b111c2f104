//! Hot operations allocate nothing on the thread that does them, and a task costs two allocations:
//! ours and smol's.
//!
//! Only the test's thread is counted: whichever thread drives smol's reactor allocates a little for
//! each turn.
#![cfg(unix)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use runtime_smol::Builder;
use runtime_traits::hooks::{After, Dir, Key};
use runtime_traits::time::Instant;
use support::Wakes;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator, counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `f` allocates once it is warm.
fn allocations(mut f: impl FnMut()) -> usize {
    (0..100).for_each(|_| f());
    let before = ALLOCATIONS.get();
    (0..100).for_each(|_| f());
    ALLOCATIONS.get() - before
}

#[test]
fn hot_operations_allocate_nothing() {
    let rt = Builder::new().current_thread().build().unwrap();
    let handle = rt.handle();
    let (wakes, waker) = Wakes::new();
    let cx = &mut Context::from_waker(&waker);

    let timer = handle.runtime().timer().unwrap();
    // smol keeps deadlines in a tree: one that stays keeps its root.
    let mut stays = Key::NONE;
    assert!(timer.poll_until(&mut stays, Instant::MAX, Duration::ZERO, cx).is_pending());
    let far = timer.now() + Duration::from_secs(3600);
    let arm_and_forget = || {
        let mut keys = [const { Key::NONE }; 8];
        for key in &mut keys {
            assert!(timer.poll_until(key, far, Duration::ZERO, cx).is_pending());
            assert!(
                timer
                    .poll_until(key, far + Duration::from_secs(9), Duration::ZERO, cx)
                    .is_pending()
            );
            assert!(timer.poll_until(key, far, Duration::ZERO, cx).is_pending());
        }
        keys.iter_mut().for_each(|key| timer.forget(key));
    };
    assert_eq!(allocations(arm_and_forget), 0, "arming and forgetting deadlines");

    let reactor = handle.runtime().reactor().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let token = reactor.register(Arc::new(ours.try_clone().unwrap().into())).unwrap();
    let converse = || {
        let read = &mut || (&ours).read(&mut [0; 8]).map(|_| After::More);
        let before = wakes.get();
        assert!(reactor.poll_io(token, Dir::Read, cx, read).is_pending());
        (&theirs).write_all(b"x").unwrap();
        wakes.wait(before); // smol's own thread drives the reactor
        assert!(reactor.poll_io(token, Dir::Read, cx, read).is_ready());
    };
    assert_eq!(allocations(converse), 0, "reading");
    reactor.deregister(token);
    timer.forget(&mut stays);

    rt.block_on(async {
        let mut count = 0;
        for _ in 0..50 {
            let before = ALLOCATIONS.get();
            handle.spawn(async {}).await.unwrap();
            count = ALLOCATIONS.get() - before;
        }
        assert_eq!(count, 2, "a task");
    });
}
