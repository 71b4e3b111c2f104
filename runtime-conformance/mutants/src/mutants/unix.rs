//! Mutants of the group UNIX.

use super::Impossible;
use crate::mutant::Mutant;

pub(crate) const MUTANTS: &[Mutant] = &[];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];
