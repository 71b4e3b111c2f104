//! A runtime of some sixty lines, by somebody who has never seen this repository.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::{future::Future, mem, pin::Pin, task::Context, task::Wake};

use runtime_traits::hooks::{BlockOn, Info, Ran, Runnable, Runtime, Spawn, Tag, TaskList, Why};
use runtime_traits::{Handle, Refused};

#[derive(Default)]
pub struct Tiny(Arc<Shared>);

#[derive(Default)]
struct Shared { tag: Tag, tasks: TaskList, queue: Arc<Queue> }

#[derive(Default)]
struct Queue { jobs: Mutex<(VecDeque<Runnable>, bool)>, bell: Condvar } // and: has it ended?

impl Tiny {
    pub fn handle(&self) -> Handle { Handle::from_arc(self.0.clone()) }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let left = mem::replace(&mut *self.0.queue.jobs.lock().unwrap(), (VecDeque::new(), true));
        self.0.queue.bell.notify_all();
        self.0.tasks.close_all();
        drop(left);
    }
}

impl Runtime for Shared {
    fn tag(&self) -> &Tag { &self.tag }
    fn info(&self) -> Info { Info::new("tiny") }
    fn spawner(&self) -> &dyn Spawn { self }
    fn block_on(&self) -> Option<&dyn BlockOn> { Some(self) }
}

impl Spawn for Shared {
    fn schedule(&self, job: Runnable, _why: Why) {
        let mut jobs = self.queue.jobs.lock().unwrap();
        if jobs.1 { return drop((jobs, job)) } // a late one: dropped, outside the lock
        jobs.0.push_back(job);
        self.queue.bell.notify_all();
    }
    fn tasks(&self) -> Option<&TaskList> { Some(&self.tasks) }
}

struct Root(AtomicBool, Arc<Queue>);

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
        drop(self.1.jobs.lock()); // before the sleeper's look, or into its sleep
        self.1.bell.notify_all();
    }
}

impl BlockOn for Shared {
    fn block_on(&self, mut main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        let root = Arc::new(Root(AtomicBool::new(true), self.queue.clone()));
        let waker = root.clone().into();
        loop {
            let woken = root.0.swap(false, SeqCst);
            if woken && main.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() { return Ok(()) }
            let mut jobs = self.queue.jobs.lock().unwrap();
            match jobs.0.pop_front() {
                _ if jobs.1 => return Err(Refused::SHUT_DOWN),
                Some(job) => {
                    drop(jobs);
                    if let Ran::Yielded(job) = job.run() { self.schedule(job, Why::Woken) }
                }
                None if root.0.load(SeqCst) => {}
                None => drop(self.queue.bell.wait(jobs)),
            }
        }
    }
}
