//! Variants that are right, if unusual: the suite must pass every one.

use crate::mutant::Mutant;

pub(crate) const VARIANTS: &[Mutant] = &[];
