//! Where it takes no race to go wrong: memory that is not there, and a home that ends before its host.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::alloc::Layout;
use core::future::{Future, pending};
use core::pin::pin;
use core::ptr::NonNull;
use core::task::{Context, Poll, Waker};
use std::sync::Mutex;

use super::{LocalList, LocalRunnable, LocalTask};
use crate::hooks::{Home, Info, Place, Runtime, Spawn, SpawnLocal, Tag, Why};
use crate::task::{JoinHandle, Meta, Runnable, Task};
use crate::{Handle, JoinError, Refused};

/// A runtime with one home; its memory is the heap, or none.
struct House {
    tag: Tag,
    jobs: Mutex<VecDeque<LocalRunnable>>,
    locals: LocalList,
    is_full: bool,
}

impl House {
    fn new(is_full: bool) -> (Arc<House>, Handle) {
        let (tag, jobs, locals) = (Tag::new(), Mutex::default(), LocalList::new());
        let house = Arc::new(House { tag, jobs, locals, is_full });
        (house.clone(), Handle::from_arc(house))
    }
}

impl Runtime for House {
    fn tag(&self) -> &Tag {
        &self.tag
    }
    fn info(&self) -> Info {
        Info::new("house")
    }
    fn spawner(&self) -> &dyn Spawn {
        self
    }
    fn local_spawner(&self) -> Option<&dyn SpawnLocal> {
        Some(self)
    }
}

impl Spawn for House {
    fn schedule(&self, job: Runnable, _: Why) {
        drop(job);
    }
    fn place(&self) -> Option<&dyn Place> {
        self.is_full.then_some(&Nowhere as &dyn Place)
    }
}

impl SpawnLocal for House {
    fn home(&self) -> Option<Home> {
        Some(Home(0))
    }
    fn spawn(&self, _: Option<Home>, task: LocalTask) -> Result<(), (LocalTask, Refused)> {
        SpawnLocal::schedule(self, Home(0), task.into_runnable(), Why::Spawned);
        Ok(())
    }
    fn schedule(&self, _: Home, job: LocalRunnable, _: Why) {
        self.jobs.lock().unwrap().push_back(job);
    }
    fn locals(&self, _: Home) -> Option<&LocalList> {
        Some(&self.locals)
    }
}

struct Nowhere;

// SAFETY: it gives no blocks.
unsafe impl Place for Nowhere {
    fn place(&self, _: Layout) -> Option<NonNull<u8>> {
        None
    }
    unsafe fn unplace(&self, _: NonNull<u8>, _: Layout) {
        unreachable!("it gave none");
    }
}

#[test]
fn a_task_that_finds_no_memory_keeps_no_handle() {
    let (house, handle) = House::new(true);
    let meta = || Meta::new(None);
    let spawn_each = || {
        assert!(Task::new(handle.clone(), meta(), async {}).is_err());
        assert!(LocalTask::new(&handle, meta(), Home(0), async {}).is_err());
        assert!(LocalTask::with(&handle, meta(), || async {}).is_err());
        assert!(JoinHandle::<()>::refused(handle.clone(), meta(), JoinError::CANCELLED).is_err());
    };
    let held = Arc::strong_count(&house);
    spawn_each();
    assert_eq!(Arc::strong_count(&house), held);
    // The same for a lodger, which borrows the list's.
    assert!(house.locals.open(handle.clone()));
    spawn_each();
    assert_eq!(Arc::strong_count(&house), held + 1, "the list's");
    assert!(house.locals.close().is_some());
}

#[test]
fn a_host_that_drops_its_task_abroad_after_the_home_has_ended_gets_its_waker_back() {
    struct Host;
    impl alloc::task::Wake for Host {
        fn wake(self: Arc<Self>) {}
    }
    let (house, handle) = House::new(false);
    assert!(house.locals.open(handle.clone()));
    let (mut task, mut join) =
        LocalTask::new(&handle, Meta::new(None), Home(0), pending::<()>()).unwrap();
    let host = Arc::new(Host);
    {
        let waker = Waker::from(host.clone());
        assert!(pin!(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&host), 2);
    assert!(house.locals.close().is_some());
    std::thread::spawn(move || drop(task)).join().unwrap();
    assert_eq!(Arc::strong_count(&host), 1);
    // It was sent home, to be dropped there.
    let jobs = core::mem::take(&mut *house.jobs.lock().unwrap());
    assert_eq!(jobs.len(), 1);
    drop(jobs);
    match pin!(&mut join).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => assert!(outcome.unwrap_err().is_cancelled()),
        Poll::Pending => panic!("the task is not finished"),
    }
}
