//! Promises J1 and J2, with random failures.
