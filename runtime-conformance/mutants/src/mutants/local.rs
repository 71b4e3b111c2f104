//! Mutants of the group LOCAL.

use super::Impossible;
use crate::mutant::Mutant;

pub(crate) const MUTANTS: &[Mutant] = &[];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];
