//! Mutants of the group SIGNAL.

use super::Impossible;
use crate::mutant::Mutant;

pub(crate) const MUTANTS: &[Mutant] = &[];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];
