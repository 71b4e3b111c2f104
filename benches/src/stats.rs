//! Medians, and ratios of what was measured in the same round.

/// The middle, and how far it goes to either side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: &[f64]) -> Spread {
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Spread { median: median(values), min, max }
    }

    /// Of the ratios round by round. A busy moment stretches both sides of one ratio; it would
    /// stretch one median only.
    pub(crate) fn of_ratios(values: &[f64], to: &[f64]) -> Spread {
        let ratios: Vec<f64> = values.iter().zip(to).map(|(value, to)| value / to).collect();
        Spread::of(&ratios)
    }

    /// Whether some rounds say one thing about this limit, and others another.
    pub(crate) fn straddles(&self, limit: f64) -> bool {
        self.min <= limit && limit < self.max
    }
}

/// The middle value; of an even number the mean of the two in the middle. NaN if there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[half],
        _ => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn ratios_are_of_one_round() {
        // The second round was disturbed: both sides doubled.
        let ratio = Spread::of_ratios(&[1.0, 2.0, 1.0], &[2.0, 4.0, 2.0]);
        assert_eq!(ratio, Spread { median: 0.5, min: 0.5, max: 0.5 });
    }
}
