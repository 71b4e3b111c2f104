//! Unix-domain sockets.

use crate::case::{Case, Untested};

pub(crate) const CASES: &[Case] = &[];

pub(crate) const UNTESTED: &[Untested] = &[];
