//! Hot operations allocate nothing, and a task costs two allocations: ours and tokio's.
//!
//! One test, because the allocator counts for the whole process.
#![cfg(unix)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;
use std::time::Duration;

use runtime_tokio::Builder;
use runtime_traits::Handle;
use runtime_traits::hooks::{After, Dir, Key};
use support::Wakes;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator, counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
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
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..100).for_each(|_| f());
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

#[test]
fn hot_operations_allocate_nothing() {
    let rt = Builder::new().current_thread().build().unwrap();
    let handle = rt.handle();
    let (_, waker) = Wakes::new();
    let cx = &mut Context::from_waker(&waker);

    let timer = handle.runtime().timer().unwrap();
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
        rt.block_on(async {
            assert!(reactor.poll_io(token, Dir::Read, cx, read).is_pending());
            (&theirs).write_all(b"x").unwrap();
            std::future::poll_fn(|cx| reactor.poll_io(token, Dir::Read, cx, read)).await.unwrap();
        });
    };
    let in_all = allocations(converse);
    let block_on = allocations(|| rt.block_on(std::future::ready(())));
    assert_eq!(in_all, block_on, "reading, beside what `block_on` takes");
    reactor.deregister(token);

    let sleep =
        || rt.block_on(async { runtime_traits::time::sleep(Duration::from_micros(10)).await });
    assert_eq!(allocations(sleep), block_on, "sleeping, beside what `block_on` takes");

    rt.block_on(async {
        tasks_are_two::<16>(&handle).await;
        tasks_are_two::<1024>(&handle).await;
        tasks_are_two::<4096>(&handle).await;
        let mut sleep = runtime_traits::time::sleep(Duration::from_secs(3600));
        let far = sleep.deadline();
        assert_eq!(
            allocations(|| {
                sleep.reset(far + Duration::from_secs(1));
                assert!(sleep.poll_elapsed(cx).is_pending());
                sleep.reset(far);
                assert!(sleep.poll_elapsed(cx).is_pending());
            }),
            0,
            "resetting a sleep"
        );
        assert_eq!(allocations(|| drop(Handle::current())), 0, "looking the runtime up");
    });
}

/// A spawn is our cell and tokio's, whatever the future's size.
async fn tasks_are_two<const N: usize>(handle: &Handle) {
    let mut count = 0;
    for _ in 0..50 {
        let bytes = [1u8; N];
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        handle.spawn(async move { std::hint::black_box(&bytes).len() }).await.unwrap();
        count = ALLOCATIONS.load(Ordering::Relaxed) - before;
    }
    assert_eq!(count, 2, "a task of {N} bytes");
}
