//! Many tasks, of which few are new at a time.

use std::future::{Future, poll_fn};
use std::sync::Arc;

use super::Tally;
use crate::rt::{Join, Rt};

/// How many tasks of a wave there are: fewer than any queue holds.
const WAVE: usize = 40;

/// Spawns `futures`, a wave at a time, each when all tasks of the wave before have started; answers
/// their handles, in that order, when all have.
///
/// So a test can have thousands of tasks that wait, without leaning on TASK-1, which asks for as many
/// that are new.
pub(crate) async fn in_waves<F>(
    rt: &Rt,
    futures: impl IntoIterator<Item = F>,
) -> Vec<Join<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (started, mut tasks) = (Arc::new(Tally::new()), Vec::new());
    for future in futures {
        tasks.push(rt.spawn(starting(future, started.clone())));
        if tasks.len() % WAVE == 0 {
            started.reached(tasks.len()).await;
        }
    }
    started.reached(tasks.len()).await;
    tasks
}

/// As `future`, and says when it is polled first.
fn starting<F: Future + Send>(
    future: F,
    started: Arc<Tally>,
) -> impl Future<Output = F::Output> + Send {
    let (mut future, mut starts) = (Box::pin(future), Some(started));
    poll_fn(move |cx| {
        starts.take().into_iter().for_each(|started| started.add());
        future.as_mut().poll(cx)
    })
}
