//! A runtime of some seventy lines, by somebody who has never seen this repository.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::task::{Context, Wake};

use runtime_traits::hooks::{BlockOn, Info, Ran, Runnable, Runtime, Spawn, Tag, Task, TaskList, Why};
use runtime_traits::{Handle, Refused};

pub struct Tiny(Arc<Shared>);

struct Shared {
    me: Weak<Shared>,
    tag: Tag,
    tasks: TaskList,
    jobs: Mutex<(VecDeque<Runnable>, bool)>, // and whether it is closed
    bell: Condvar,
}

impl Tiny {
    pub fn new() -> Tiny {
        let (tag, tasks, jobs, bell) = (Tag::new(), TaskList::new(), Mutex::default(), Condvar::new());
        Tiny(Arc::new_cyclic(|me| Shared { me: me.clone(), tag, tasks, jobs, bell }))
    }
    pub fn handle(&self) -> Handle { Handle::from_arc(self.0.clone()) }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        self.0.jobs.lock().unwrap().1 = true;
        self.0.bell.notify_all();
        self.0.tasks.close_all();
        while let Some(job) = { self.0.jobs.lock().unwrap().0.pop_front() } { drop(job) }
    }
}

impl Runtime for Shared {
    fn tag(&self) -> &Tag { &self.tag }
    fn info(&self) -> Info { Info::new("tiny") }
    fn spawner(&self) -> &dyn Spawn { self }
    fn block_on(&self) -> Option<&dyn BlockOn> { Some(self) }
}

impl Spawn for Shared {
    fn schedule(&self, job: Runnable, _: Why) {
        let mut jobs = self.jobs.lock().unwrap();
        let late = if jobs.1 { Some(job) } else { jobs.0.push_back(job); None };
        drop(jobs);
        self.bell.notify_all();
        drop(late); // outside the lock
    }
    fn spawn(&self, task: Task) -> Result<(), (Task, Refused)> {
        if self.jobs.lock().unwrap().1 { return Err((task, Refused::SHUT_DOWN)) }
        Ok(self.schedule(task.into_runnable(), Why::Spawned))
    }
    fn tasks(&self) -> Option<&TaskList> { Some(&self.tasks) }
}

struct Root(AtomicBool, Weak<Shared>);

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
        let Some(tiny) = self.1.upgrade() else { return };
        drop(tiny.jobs.lock()); // before the sleeper's look, or into its sleep
        tiny.bell.notify_all();
    }
}

impl BlockOn for Shared {
    fn block_on(&self, mut main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        let root = Arc::new(Root(AtomicBool::new(true), self.me.clone()));
        let waker = root.clone().into();
        loop {
            let woken = root.0.swap(false, SeqCst);
            if woken && main.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() { return Ok(()) }
            let mut jobs = self.jobs.lock().unwrap();
            match jobs.0.pop_front() {
                _ if jobs.1 => return Err(Refused::SHUT_DOWN),
                Some(job) => {
                    drop(jobs);
                    if let Ran::Yielded(job) = job.run() { self.schedule(job, Why::Woken) }
                }
                None if root.0.load(SeqCst) => {}
                None => drop(self.bell.wait(jobs)),
            }
        }
    }
}
