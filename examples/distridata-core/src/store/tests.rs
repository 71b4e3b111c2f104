//! Promises S1–S4, with random ops.
