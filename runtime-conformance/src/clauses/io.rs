//! Reading and writing through the I/O traits.

use crate::case::{Case, Untested};

pub(crate) const CASES: &[Case] = &[];

pub(crate) const UNTESTED: &[Untested] = &[];
