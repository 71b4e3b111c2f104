//! Scenes of a home: tasks whose state word is plain, and the mail that comes to them.
//!
//! One thread is the home, the other is abroad. They are explored as those of three are: two queues and
//! two words make many steps. Each ends with the end of the home, also where it is about something else.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Waker;

use loom::thread;

use runtime_hooks::task::{JoinHandle, LocalRunnable};

use crate::a_local_job_strays;
use crate::scene::*;

/// O2, O5: the same with mail, and with the job that came out of it.
#[test]
fn mail_is_dropped_away_from_home() {
    a_local_job_strays(true, drop);
}

/// As above.
#[test]
fn mail_is_run_away_from_home() {
    a_local_job_strays(true, |job| _ = job.run());
}

/// O2, O5: mail is leaked abroad while its home ends. The home receives it, and may free the cell: what
/// was done abroad happened before that.
#[test]
fn leaked_mail_races_with_the_end_of_its_home() {
    trio(|| {
        let (queue, handle) = Queue::at_home();
        let log = Log::new();
        let (join, waker) = parked_at_home(&handle, &queue, &log);
        drop(join);
        let theirs = queue.clone();
        let other = thread::spawn(move || {
            waker.wake();
            let mail = theirs.home.lock().unwrap().pop_front();
            mail.into_iter().for_each(LocalRunnable::leak);
        });
        queue.locals.cancel_all();
        while queue.locals.close().is_none() {
            thread::yield_now();
        }
        other.join().unwrap();
        queue.run_home();
        log.check();
    });
}

/// A scene of a task that is parked at first and ready when it is polled again. `there` is what the
/// thread abroad does with its waker and handle, `here` what home does with a second waker meanwhile.
/// At the end the home ends, and all is free.
fn a_lodger<T: Send + 'static>(
    there: fn(Waker, JoinHandle<Output>) -> T,
    here: fn(&Queue, Waker),
    then: fn(T, &Log),
) {
    trio(move || {
        let (queue, handle) = Queue::at_home();
        let log = Log::new();
        let (join, waker) = parked_at_home(&handle, &queue, &log);
        let mine = waker.clone();
        let other = thread::spawn(move || there(waker, join));
        here(&queue, mine);
        queue.run_home();
        let left = other.join().unwrap();
        queue.run_home();
        then(left, &log);
        queue.leave_home();
        log.check();
    });
}

/// LOCAL-3: a wake from abroad races with one at home; neither is lost, and late ones do no harm.
#[test]
fn a_wake_from_abroad_races_with_one_at_home() {
    a_lodger(
        |waker, join| {
            drop(join);
            waker.wake_by_ref();
            waker.wake();
        },
        |queue, waker| {
            queue.run_home();
            waker.wake();
        },
        |(), log| assert_eq!(log.polls(), 2),
    );
}

/// O4: the last wakers go abroad and at home, and so does the handle: the task is dropped, at home.
#[test]
fn the_last_waker_abroad_races_with_the_last_at_home() {
    a_lodger(
        |waker, join| {
            drop(join);
            drop(waker);
        },
        |_, waker| drop(waker),
        |(), log| {
            assert_eq!(log.futures_dropped.load(SeqCst), 1, "nobody is left who could wake it");
            assert_eq!(log.polls(), 1);
        },
    );
}

/// O4: wakers are born and die on both sides.
#[test]
fn clones_abroad_race_with_clones_at_home() {
    a_lodger(
        |waker, join| {
            drop(join);
            let clone = waker.clone();
            drop(waker);
            drop(clone);
        },
        |_, waker| {
            let clone = waker.clone();
            drop(waker);
            drop(clone);
        },
        |(), log| assert_eq!(log.futures_dropped.load(SeqCst), 1),
    );
}

/// O4: of a waker and its clone that was born abroad one dies there, and the other at home: `choose`
/// puts first which stays.
fn one_of_two_wakers_comes_home(choose: fn(Waker, Waker) -> (Waker, Waker)) {
    trio(move || {
        let (queue, handle) = Queue::at_home();
        let log = Log::new();
        let (join, waker) = parked_at_home(&handle, &queue, &log);
        drop(join);
        // A lock of the model's: it has to know that this is where the two meet.
        let left = Arc::new(loom::sync::Mutex::new(None));
        let theirs = left.clone();
        let other = thread::spawn(move || {
            let child = waker.clone();
            let (stays, comes) = choose(waker, child);
            *theirs.lock().unwrap() = Some(comes);
            drop(stays);
        });
        let come = left.lock().unwrap().take();
        drop(come);
        queue.run_home();
        other.join().unwrap();
        let late = left.lock().unwrap().take();
        drop(late);
        queue.run_home();
        assert_eq!(log.futures_dropped.load(SeqCst), 1, "nobody is left who could wake it");
        queue.leave_home();
        log.check();
    });
}

#[test]
fn a_waker_that_was_born_abroad_dies_at_home() {
    one_of_two_wakers_comes_home(|born_at_home, child| (born_at_home, child));
}

#[test]
fn the_last_waker_was_born_abroad() {
    one_of_two_wakers_comes_home(|born_at_home, child| (child, born_at_home));
}

/// JOIN-3, JOIN-5: the handle waits abroad, with one waker and then another, while the task ends.
#[test]
fn a_handle_that_waits_abroad_races_with_the_end() {
    trio(|| {
        let (queue, handle) = Queue::at_home();
        let log = Log::new();
        let (mut join, waker) = parked_at_home(&handle, &queue, &log);
        let ((first, one), (second, two)) = (Woken::new(), Woken::new());
        let other = thread::spawn(move || {
            let ready = poll(&mut join, &one).is_ready() || poll(&mut join, &two).is_ready();
            drop((one, two));
            (join, ready)
        });
        waker.wake();
        queue.run_home();
        let (mut join, ready) = other.join().unwrap();
        queue.run_home();
        assert!(join.is_finished());
        if !ready {
            assert_eq!(first.count() + second.count(), 1, "the joiner sleeps for ever");
            assert!(poll(&mut join, Waker::noop()).is_ready());
        }
        drop(join);
        queue.leave_home();
        log.check();
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
    });
}

/// JOIN-3: it waited at home before.
#[test]
fn a_handle_that_moves_abroad_races_with_the_end() {
    trio(|| {
        let (queue, handle) = Queue::at_home();
        let log = Log::new();
        let (mut join, waker) = parked_at_home(&handle, &queue, &log);
        let ((first, one), (second, two)) = (Woken::new(), Woken::new());
        assert!(poll(&mut join, &one).is_pending());
        drop(one);
        let other = thread::spawn(move || {
            let ready = poll(&mut join, &two).is_ready();
            drop(join);
            (two, ready)
        });
        waker.wake();
        queue.run_home();
        let _ = other.join().unwrap();
        queue.run_home();
        queue.leave_home();
        log.check();
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
    });
}

/// A scene of a handle that waits abroad, comes home, and `then` does something there; home may have its
/// mail by then or not. Its waker from abroad is woken that many `times`.
fn a_handle_comes_home(times: usize, then: fn(JoinHandle<Output>, Waker, &Queue)) {
    trio(move || {
        let (queue, handle) = Queue::at_home();
        let log = Log::new();
        let (mut join, waker) = parked_at_home(&handle, &queue, &log);
        let (woken, joiner) = Woken::new();
        let other = thread::spawn(move || {
            assert!(poll(&mut join, &joiner).is_pending());
            drop(joiner);
            join
        });
        queue.run_home();
        then(other.join().unwrap(), waker, &queue);
        queue.run_home();
        queue.leave_home();
        log.check();
        assert_eq!((woken.count(), Arc::strong_count(&woken)), (times, 1));
    });
}

/// JOIN-3: there it waits with another waker, by its relay.
#[test]
fn a_handle_that_asked_abroad_waits_at_home() {
    a_handle_comes_home(0, |mut join, waker, queue| {
        let (woken, joiner) = Woken::new();
        assert!(poll(&mut join, &joiner).is_pending());
        drop(joiner);
        waker.wake();
        queue.run_home();
        assert_eq!((woken.count(), Arc::strong_count(&woken)), (1, 1));
        assert!(poll(&mut join, Waker::noop()).is_ready());
    });
}

#[test]
fn a_handle_that_asked_abroad_aborts_at_home() {
    a_handle_comes_home(1, |mut join, waker, queue| {
        join.abort();
        queue.run_home();
        drop(waker);
        assert!(output_or_cancelled(poll(&mut join, Waker::noop())));
    });
}

#[test]
fn a_handle_that_asked_abroad_goes_at_home() {
    a_handle_comes_home(0, |join, waker, _| {
        drop(join);
        drop(waker);
    });
}

/// CANCEL-3: an abort from abroad races with the end, and its handle takes what came of it.
#[test]
fn an_abort_from_abroad_races_with_the_end() {
    a_lodger(
        |waker, join| {
            join.abort();
            drop(waker);
            join
        },
        |_, waker| waker.wake(),
        |mut join, _| assert!(output_or_cancelled(poll(&mut join, Waker::noop()))),
    );
}

/// JOIN-4: whoever sees the end abroad finds the outcome.
#[test]
fn the_end_is_seen_abroad() {
    a_lodger(
        |waker, mut join| {
            drop(waker);
            if join.is_finished() {
                assert!(poll(&mut join, Waker::noop()).is_ready());
            }
        },
        |_, waker| waker.wake(),
        |(), _| (),
    );
}

/// O5, O7, LOCAL-6: the home ends while a wake, a clone and an abort are under way.
#[test]
fn the_end_of_a_home_races_with_mail() {
    a_lodger(
        |waker, join| {
            waker.wake_by_ref();
            let clone = waker.clone();
            drop(waker);
            (clone, join)
        },
        |queue, waker| {
            drop(waker);
            queue.leave_home();
        },
        |(waker, mut join), _| {
            waker.wake();
            assert!(output_or_cancelled(poll(&mut join, Waker::noop())));
        },
    );
}

/// The same with a handle that waits, and goes.
#[test]
fn the_end_of_a_home_races_with_its_handle() {
    a_lodger(
        |waker, mut join| {
            drop(waker);
            let (woken, joiner) = Woken::new();
            let ready = poll(&mut join, &joiner).is_ready();
            drop((join, joiner));
            (woken, ready)
        },
        |queue, waker| {
            drop(waker);
            queue.leave_home();
        },
        |(woken, _), _| assert_eq!(Arc::strong_count(&woken), 1),
    );
}

/// The last references to a cell go when its home has ended: one abroad, one here.
#[test]
fn a_folded_cell_is_freed_by_whoever_is_last() {
    a_lodger(
        |waker, join| {
            drop(join);
            drop(waker);
        },
        |queue, waker| {
            queue.leave_home();
            drop(waker);
        },
        |(), _| (),
    );
}
