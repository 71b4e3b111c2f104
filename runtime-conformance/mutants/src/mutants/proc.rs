//! Mutants of the group PROC.

use super::Impossible;
use crate::mutant::Mutant;

pub(crate) const MUTANTS: &[Mutant] = &[];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];
