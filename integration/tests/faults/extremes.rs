//! `Duration::MAX` and its like: no panic, no early end, no harm to others.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use runtime_traits::net::TcpStream;
use runtime_traits::task;
use runtime_traits::time::{
    Instant, MissedTickBehavior, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
};

use crate::support::{Gate, on_every_runtime, pair, poll_once, with_every_runtime};

const SHORT: Duration = Duration::from_millis(2);

on_every_runtime! {
    async fn a_sleep_without_end_waits_and_disturbs_nobody() {
        let mut forever = pin!(sleep(Duration::MAX));
        let mut until = pin!(sleep_until(Instant::MAX));
        let (half, end) = (Duration::from_secs(u64::MAX / 2), Duration::from_nanos(u64::MAX));
        for long in [Duration::MAX, half, end] {
            let mut other = pin!(sleep(long));
            assert!(poll_once(other.as_mut()).await.is_pending());
        }
        for _ in 0..3 {
            assert!(poll_once(forever.as_mut()).await.is_pending());
            assert!(poll_once(until.as_mut()).await.is_pending());
            let start = Instant::now();
            sleep(SHORT).await;
            assert!(start.elapsed() >= SHORT);
        }
        assert!(!forever.is_elapsed());
        // It can come back from there.
        forever.as_mut().reset(Instant::now() + SHORT);
        forever.await;
    }

    async fn a_limit_without_end_is_none() {
        assert_eq!(timeout(Duration::MAX, async { 3 }).await, Ok(3));
        assert_eq!(timeout(Duration::MAX, async { sleep(SHORT).await; 4 }).await, Ok(4));
        assert_eq!(timeout_at(Instant::MAX, async { sleep(SHORT).await; 5 }).await, Ok(5));
        let inner = timeout(SHORT, timeout(Duration::MAX, pending::<()>())).await;
        assert!(inner.unwrap_err().is_timeout());
    }

    async fn a_period_without_end_ticks_once() {
        let (burst, delay) = (MissedTickBehavior::Burst, MissedTickBehavior::Delay);
        for missed in [burst, delay, MissedTickBehavior::Skip] {
            let mut ticks = interval(Duration::MAX);
            ticks.set_missed_tick_behavior(missed);
            ticks.tick().await;
            assert!(timeout(SHORT, ticks.tick()).await.unwrap_err().is_timeout());
            ticks.reset();
            assert!(timeout(SHORT, ticks.tick()).await.unwrap_err().is_timeout());
        }
        let mut late = interval_at(Instant::MAX, Duration::MAX);
        assert!(timeout(SHORT, late.tick()).await.unwrap_err().is_timeout());
    }

    async fn no_time_at_all_is_over_at_once() {
        sleep(Duration::ZERO).await;
        sleep_until(Instant::ZERO).await;
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1), "it was ready");
        assert!(timeout(Duration::ZERO, pending::<()>()).await.unwrap_err().is_timeout());
        let slack = sleep(SHORT).slack(Duration::MAX);
        drop(slack);
        sleep(Duration::ZERO).slack(Duration::MAX).await;
    }

    async fn instants_saturate() {
        let now = Instant::now();
        assert_eq!(now + Duration::MAX, Instant::MAX);
        assert_eq!(now - Duration::MAX, Instant::ZERO);
        assert_eq!(Instant::MAX.elapsed(), Duration::ZERO);
    }

    async fn a_limit_on_a_connection_may_be_without_end() {
        let (ours, theirs) = pair().await;
        theirs.write_all(b"x").await.unwrap();
        assert_eq!(timeout(Duration::MAX, ours.read(&mut [0])).await.unwrap().unwrap(), 1);
        let at = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = at.local_addr().unwrap();
        timeout(Duration::MAX, TcpStream::connect(to)).await.unwrap().unwrap();
        // Whatever the system makes of it, it answers.
        let _ = ours.set_linger(Some(Duration::MAX));
        let _ = ours.set_linger(None);
    }
}

with_every_runtime! {
    /// A shutdown may be given all the time there is: it ends when all is over.
    fn a_shutdown_may_have_all_the_time_there_is(start: Start) {
        let owner = start();
        let (started, gate) = (Gate::default(), Gate::default());
        let (at_it, go_on) = (started.clone(), gate.clone());
        let join = owner.handle().enter(|| task::spawn_blocking(move || {
            at_it.open();
            go_on.pass();
            1
        }));
        started.pass();
        gate.open();
        owner.shutdown_timeout(Duration::MAX);
        assert_eq!(crate::support::alone(join).unwrap(), 1);
    }

    /// Sleeps without end do not keep a runtime from ending.
    fn sleepers_without_end_do_not_hold_it_up(start: Start) {
        let owner = start();
        let task = owner.handle().spawn(async { sleep(Duration::MAX).await });
        owner.block_on(sleep_in(SHORT));
        drop(owner);
        assert!(crate::support::alone(task).unwrap_err().is_cancelled());
    }
}

async fn sleep_in(delay: Duration) {
    sleep(delay).await;
}
