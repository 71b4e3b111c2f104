//! What the attributes refuse, with the text of each refusal, and programs that must run.
//!
//! `ui/*.rs` must not compile, and the `.stderr` beside each is all that rustc says: a second,
//! consequential error would show up there. `pass/*.rs` are programs; they are built and run.
//!
//! After a change of wording: `TRYBUILD=overwrite cargo test -p runtime-macros --test compile`,
//! then read the difference as a user would.

#[test]
fn each_mistake_gets_one_message_that_helps() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

#[test]
fn programs_start_and_end() {
    trybuild::TestCases::new().pass("tests/pass/*.rs");
}
