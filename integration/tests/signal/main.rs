//! The system's signals, on every runtime.
//!
//! A signal is the whole process's, so each test runs itself again as a child, alone.
#![cfg(unix)]

#[path = "../support/alone.rs"]
mod alone;
#[path = "../support/mod.rs"]
mod support;

mod forked;
mod hook;
#[cfg(target_os = "linux")]
mod interrupted;

use std::pin::pin;

use alone::in_a_child;
use futures_lite::StreamExt as _;
use runtime_traits::Handle;
use runtime_traits::io::ErrorKind;
use runtime_traits::signal::{Signal, SignalKind, ctrl_c, signal};
use rustix::process::{Signal as Number, getpid, kill_process};
use support::{MANY, Owner, announced, on_every_runtime, poll_once, waiting, with_every_runtime};

fn raise(number: Number) {
    kill_process(getpid(), number).unwrap();
}

/// A listener for `USR1` on the runtime of `handle`.
fn on(handle: &Handle) -> Signal {
    handle.enter(|| signal(SignalKind::USER_DEFINED1)).unwrap()
}

async fn is_silent(listener: &mut Signal) -> bool {
    poll_once(pin!(listener.recv())).await.is_pending()
}

/// Each hears one, and no more than that.
async fn all_hear(listeners: &mut [Option<Signal>]) {
    raise(Number::USR1);
    for listener in listeners.iter_mut().flatten() {
        listener.recv().await.unwrap();
        assert!(is_silent(listener).await);
    }
}

/// Three listeners, two of them on another runtime, and that.
fn three(owner: &Owner, other: &Owner) -> Vec<Option<Signal>> {
    let (ours, theirs) = (owner.handle(), other.handle());
    [&theirs, &ours, &theirs].iter().map(|handle| Some(on(handle))).collect()
}

with_every_runtime! {
    /// SIGNAL-1: every listener, on two runtimes, each time.
    fn every_listener_hears(start: Start) {
        in_a_child(|| {
            for other in MANY {
                let (owner, other) = (start(), other());
                let mut listeners = three(&owner, &other);
                owner.block_on(async {
                    for listener in listeners.iter_mut().flatten() {
                        assert!(is_silent(listener).await);
                    }
                    for _ in 0..5 {
                        all_hear(&mut listeners).await;
                    }
                });
            }
        });
    }

    /// SIGNAL-1: also those who wait already.
    fn who_waits_is_woken(start: Start) {
        in_a_child(|| {
            start().block_on(async {
                let tasks: Vec<_> = (0..3)
                    .map(|_| {
                        let gate = support::Gate::default();
                        let mut listener = on(&Handle::current());
                        let heard = async move { listener.recv().await };
                        (gate.clone(), runtime_traits::spawn(announced(gate, heard)))
                    })
                    .collect();
                for (gate, _) in &tasks {
                    gate.wait().await;
                }
                raise(Number::USR1);
                for (_, task) in tasks {
                    task.await.unwrap().unwrap();
                }
            });
        });
    }

    /// SIGNAL-2: listeners go in every order, and the last to stay still hears.
    fn a_listener_that_goes_takes_nothing_from_the_others(start: Start) {
        in_a_child(|| {
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                for other in MANY {
                    let (owner, other) = (start(), other());
                    let mut listeners = three(&owner, &other);
                    owner.block_on(async {
                        for goes in order {
                            all_hear(&mut listeners).await;
                            listeners[goes] = None;
                        }
                        // Nobody listens; the default effect does not come back.
                        raise(Number::USR1);
                    });
                }
            }
        });
    }

    /// SIGNAL-2: a runtime that ends takes its own, who are told, and no others.
    fn a_runtime_that_ends_takes_nothing_from_the_others(start: Start) {
        in_a_child(|| {
            for other in MANY {
                let (owner, other) = (start(), other());
                let mut stays = on(&other.handle());
                let mut goes = on(&owner.handle());
                let told = waiting(async move { goes.recv().await });
                drop(owner);
                told.join().unwrap().unwrap_err();
                other.block_on(async {
                    raise(Number::USR1);
                    stays.recv().await.unwrap();
                });
            }
        });
    }

    /// The end is told once; then there is nothing to be asked for.
    fn a_stream_of_signals_ends_with_its_runtime(start: Start) {
        in_a_child(|| {
            let owner = start();
            let mut signals = on(&owner.handle());
            owner.block_on(async {
                raise(Number::USR1);
                signals.next().await.unwrap().unwrap();
            });
            drop(owner);
            support::alone(async {
                signals.next().await.unwrap().unwrap_err();
                for _ in 0..3 {
                    assert!(signals.next().await.is_none());
                }
                signals.recv().await.unwrap_err();
            });
        });
    }

    /// SIGNAL-3: more than any pipe holds, while nobody looks.
    fn a_storm_breaks_nothing(start: Start) {
        in_a_child(|| {
            start().block_on(async {
                let mut listener = on(&Handle::current());
                (0..100_000).for_each(|_| raise(Number::USR1));
                listener.recv().await.unwrap();
                while !is_silent(&mut listener).await {}
                raise(Number::USR1);
                listener.recv().await.unwrap();
            });
        });
    }

    fn a_receiver_that_is_dropped_loses_nothing(start: Start) {
        in_a_child(|| {
            start().block_on(async {
                let mut listener = on(&Handle::current());
                for _ in 0..3 {
                    assert!(is_silent(&mut listener).await);
                }
                raise(Number::USR1);
                listener.recv().await.unwrap();
            });
        });
    }

    fn a_listener_may_be_polled(start: Start) {
        in_a_child(|| {
            start().block_on(async {
                let mut listener = on(&Handle::current());
                assert_eq!(listener.kind(), SignalKind::USER_DEFINED1);
                for _ in 0..3 {
                    raise(Number::USR1);
                    std::future::poll_fn(|cx| listener.poll_recv(cx)).await.unwrap();
                }
            });
        });
    }

    fn kinds_do_not_mix(start: Start) {
        in_a_child(|| {
            start().block_on(async {
                let mut one = on(&Handle::current());
                let mut other = signal(SignalKind::USER_DEFINED2).unwrap();
                raise(Number::USR2);
                other.recv().await.unwrap();
                assert!(is_silent(&mut one).await);
                raise(Number::USR1);
                one.recv().await.unwrap();
                assert!(is_silent(&mut other).await);
            });
        });
    }

    fn ctrl_c_is_heard_and_ends_nothing(start: Start) {
        in_a_child(|| {
            start().block_on(async {
                for _ in 0..3 {
                    let gate = support::Gate::default();
                    let heard = runtime_traits::spawn(announced(gate.clone(), ctrl_c()));
                    gate.wait().await;
                    raise(Number::INT);
                    heard.await.unwrap().unwrap();
                }
                raise(Number::INT);
            });
        });
    }
}

on_every_runtime! {
    async fn what_cannot_be_heard_is_an_error() {
        let numbers = [Number::KILL, Number::STOP, Number::SEGV, Number::ILL, Number::FPE];
        let numbers = numbers.map(Number::as_raw).into_iter().chain([0, -1, 999]);
        for number in numbers {
            let error = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}: {error}");
        }
    }
}

#[test]
fn without_a_runtime_nothing_is_heard() {
    assert_eq!(signal(SignalKind::USER_DEFINED1).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(support::alone(ctrl_c()).unwrap_err().kind(), ErrorKind::Unsupported);
}
