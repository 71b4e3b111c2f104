//! What has been measured so far.

use crate::stats::Spread;
use crate::subject::Subject;
use crate::workload::{Kind, Sample};

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) round: usize,
    pub(crate) workload: Kind,
    pub(crate) subject: Subject,
    pub(crate) sample: Sample,
}

/// All of a run. Rounds are complete and in order, so the same place in two lists is the same round.
#[derive(Default)]
pub(crate) struct Results(Vec<Measured>);

impl Results {
    pub(crate) fn add(&mut self, measured: Measured) {
        self.0.push(measured);
    }

    pub(crate) fn all(&self) -> &[Measured] {
        &self.0
    }

    /// The main figures, by round.
    fn main(&self, workload: Kind, subject: Subject) -> Vec<f64> {
        self.figures(workload, subject, |sample| sample.main)
    }

    fn figures(&self, workload: Kind, subject: Subject, pick: fn(&Sample) -> f64) -> Vec<f64> {
        let of = |m: &&Measured| m.workload == workload && m.subject == subject;
        self.0.iter().filter(of).map(|measured| pick(&measured.sample)).collect()
    }

    pub(crate) fn spread(&self, workload: Kind, subject: Subject) -> Option<Spread> {
        let values = self.main(workload, subject);
        (!values.is_empty()).then(|| Spread::of(&values))
    }

    pub(crate) fn side(&self, workload: Kind, subject: Subject) -> Option<Spread> {
        let values = self.figures(workload, subject, |sample| sample.side);
        (!values.is_empty()).then(|| Spread::of(&values))
    }

    /// Of the main figures, round by round.
    pub(crate) fn ratio(&self, workload: Kind, subject: Subject, to: Subject) -> Option<Spread> {
        let (values, to) = (self.main(workload, subject), self.main(workload, to));
        (!values.is_empty() && values.len() == to.len()).then(|| Spread::of_ratios(&values, &to))
    }
}
