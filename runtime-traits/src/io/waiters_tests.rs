//! Unit tests of the fan.
