//! What is shown and written: the screen, and five files.
//!
//! | file | for |
//! |---|---|
//! | `conformance.jsonl` | one event per line, written as it happens; survives a crash |
//! | `conformance.json` | comparing: sorted, without times; the one that `--merge` reads |
//! | `junit.xml` | other people's tools |
//! | `conformance.md` | reading; failures with the line that repeats them |
//! | `conformance.html` | looking around: clauses × runtimes, one page, nothing loaded |

mod files;
mod header;
mod html;
mod junit;
mod markdown;
mod page;
mod screen;

pub(crate) use files::Files;
pub(crate) use header::Header;
pub(crate) use page::Page;
pub(crate) use screen::Screen;
