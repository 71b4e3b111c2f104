//! A file system for tests that forgets, tears and fails.
