//! Runs the suite over mutants and judges the suite.

mod args;
mod full;
mod judged;
mod load;
mod record;
mod suite;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use runtime_conformance::json::Value;

use crate::mutant::{Make, Mutant};
use crate::mutants;
use args::Args;
use judged::Judged;
use load::Load;
use suite::Suite;

/// How long a case may take on a machine that is idle: a mutant that hangs is to be noticed soon.
const WATCHDOG: Duration = Duration::from_secs(3);
/// The same for what is right, which must not fail under any load: the suite's ordinary one.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is tried to notice a mutant: some show by chance, and a busy machine can hide the others,
/// or hurt what they do not. `--full` does not try again.
const TRIES: usize = 4;

/// How long a case of this one may take here.
fn watchdog(is_wrong_one: bool) -> Duration {
    let idle = if is_wrong_one { WATCHDOG } else { PATIENCE };
    idle.mul_f64(runtime_conformance::calibration())
}

pub(crate) fn main() -> ExitCode {
    match Args::parse(std::env::args().skip(1)) {
        Ok(args) if args.help => {
            print!("{}", args::HELP);
            ExitCode::SUCCESS
        }
        Ok(args) if args.list => list(),
        Ok(args) if args.hog => hog(),
        Ok(args) if args.full => full::main(&args),
        Ok(args) => quick(&args),
        Err(wrong) => {
            eprintln!("{wrong} (`--help` lists what can be asked)");
            ExitCode::from(4)
        }
    }
}

/// Each mutant against its own group and the tolerated clauses, once.
fn quick(args: &Args) -> ExitCode {
    let begun = Instant::now();
    let chosen: Vec<&Mutant> = mutants::all().filter(|mutant| args.choose(mutant)).collect();
    let mut judged = Vec::new();
    side_by_side(
        chosen,
        args.jobs,
        |mutant| judge(mutant, args),
        |one: Judged| {
            println!("{one}");
            judged.push(one);
        },
    );
    judged.sort_by_key(|one| mutants::all().position(|mutant| mutant.id == one.id));
    let wrong: Vec<&Judged> = judged.iter().filter(|one| !one.is_right()).collect();
    wrong.iter().for_each(|one| println!("wrong: {one}"));
    println!("{}, {:.0} s", judged::summary(&judged), begun.elapsed().as_secs_f64());
    if let Some(path) = &args.json {
        let json = Value::object([
            ("schema", 1_u64.into()),
            ("mutants", Value::list(judged.iter().map(Judged::to_json))),
        ]);
        if let Err(error) = std::fs::write(path, json.pretty()) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::from(4);
        }
    }
    println!("{} passed, {} failed, 0 skipped", judged.len() - wrong.len(), wrong.len());
    ExitCode::from(u8::from(!wrong.is_empty()))
}

/// Runs the suite over one mutant, against what it should fail and what it may.
fn judge(mutant: &'static Mutant, args: &Args) -> Judged {
    let over = args.over(mutant);
    let watchdog = args.watchdog.unwrap_or_else(|| watchdog(!mutant.is_benign()));
    if matches!(mutant.make, Make::Switch(_)) && !cfg!(runtime_mutants) {
        return Judged::not_built(mutant, over);
    }
    let suite =
        Suite { mutant: Some(mutant), over, watchdog, budget: 20.0, once: true, load: Load::Quiet };
    let cases = cases_for(mutant);
    let mut runs = (1..=TRIES).map(|attempt| suite.run(&cases).judge(mutant, over).on(attempt));
    let first = runs.next().expect("there is one try at least");
    if first.is_right() { first } else { runs.find(Judged::is_right).unwrap_or(first) }
}

/// The groups of the clauses that a mutant breaks, and the clauses that may notice too; for a variant
/// all there are.
fn cases_for(mutant: &Mutant) -> Vec<String> {
    let mut cases: Vec<String> = Vec::new();
    for id in mutant.breaks {
        let group = id.split_once('-').map_or(*id, |(group, _)| group);
        cases.push(format!("{group}-*"));
    }
    cases.extend(mutant.tolerates.iter().map(|id| (*id).to_owned()));
    cases.sort();
    cases.dedup();
    cases
}

/// Runs `work` on each, so many at a time, and hands what comes to `take`, on this thread.
fn side_by_side<I: Send, T: Send>(
    items: Vec<I>,
    jobs: usize,
    work: impl Fn(I) -> T + Sync,
    take: impl FnMut(T),
) {
    let queue = Mutex::new(VecDeque::from(items));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        let (done, results) = channel();
        for _ in 0..jobs {
            let (done, next, work) = (done.clone(), &next, &work);
            scope.spawn(move || {
                while let Some(item) = next() {
                    let _ = done.send(work(item)); // the receiver outlives the scope's threads
                }
            });
        }
        drop(done);
        results.into_iter().for_each(take);
    });
}

fn list() -> ExitCode {
    for mutant in mutants::all() {
        let how = if matches!(mutant.make, Make::Twist(_)) { "D" } else { "R" };
        println!(
            "{}  {how}  {:?}  breaks: {}  tolerates: {}  {}",
            mutant.id,
            mutant.detection,
            mutant.breaks.join(","),
            mutant.tolerates.join(","),
            mutant.says
        );
    }
    for (clause, why) in mutants::impossible() {
        println!("{clause}  impossible: {why}");
    }
    ExitCode::SUCCESS
}

/// Spins until it is killed: noise for the runs of the runtimes that are right.
fn hog() -> ! {
    loop {
        std::hint::spin_loop();
    }
}
