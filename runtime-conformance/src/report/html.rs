//! `conformance.html`: one self-contained page, clauses × runtimes.

use crate::report::Page;

pub(super) fn file(pages: &[Page]) -> String {
    format!("<!doctype html><pre>{}</pre>\n", Page::file(pages))
}
