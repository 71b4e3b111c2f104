//! The files of a run.
//!
//! What cannot be written is said once and changes nothing else: the run goes on, the screen shows
//! all of it, and what is already on the disk stays.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::json::Value;
use crate::outcome::Outcome;
use crate::report::{Header, Page, html, junit, markdown};

/// The directory, if there is one, and the file that is being written.
pub(crate) struct Files {
    out: Option<PathBuf>,
    events: Option<File>,
    faults: Vec<String>,
}

impl Files {
    /// Begins to write in `out`.
    pub(crate) fn open(out: Option<&Path>, header: &Header) -> Files {
        let mut files = Files { out: out.map(Path::to_owned), events: None, faults: Vec::new() };
        let Some(out) = out else { return files };
        match fs::create_dir_all(out).and_then(|()| File::create(out.join("conformance.jsonl"))) {
            Ok(events) => files.events = Some(events),
            Err(error) => files.fault(&error),
        }
        let begin = [("v", 1_u64.into()), ("ev", "start".into()), ("header", header.to_json())];
        files.line(&Value::object(begin));
        files
    }

    /// Writes reports only, for results that are there already.
    pub(crate) fn over(out: &Path) -> Files {
        let mut files = Files { out: Some(out.to_owned()), events: None, faults: Vec::new() };
        if let Err(error) = fs::create_dir_all(out) {
            files.fault(&error);
        }
        files
    }

    /// One more result.
    pub(crate) fn event(&mut self, outcome: &Outcome) {
        let Value::Object(mut fields) = outcome.to_json(true) else { return };
        let head = [("v".to_owned(), 1_u64.into()), ("ev".to_owned(), "result".into())];
        fields.splice(0..0, head);
        self.line(&Value::Object(fields));
    }

    /// The other files.
    pub(crate) fn close(&mut self, pages: &[Page], code: u8) {
        self.line(&Value::object([
            ("v", 1_u64.into()),
            ("ev", "end".into()),
            ("exit", u64::from(code).into()),
        ]));
        let Some(out) = self.out.clone().filter(|_| self.faults.is_empty()) else { return };
        let files = [
            ("conformance.json", Page::file(pages).pretty()),
            ("junit.xml", junit::file(pages)),
            ("conformance.md", markdown::file(pages)),
            ("conformance.html", html::file(pages)),
        ];
        for (name, text) in files {
            if let Err(error) = fs::write(out.join(name), text) {
                self.fault(&error);
                return;
            }
        }
    }

    /// Sentences about what could not be written.
    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }

    fn line(&mut self, value: &Value) {
        let Some(events) = &mut self.events else { return };
        // One write for a line: a crash leaves whole lines behind.
        if let Err(error) = events.write_all(format!("{value}\n").as_bytes()) {
            self.events = None;
            self.fault(&error);
        }
    }

    fn fault(&mut self, error: &io::Error) {
        let out = self.out.as_deref().unwrap_or(Path::new("")).display();
        self.faults.push(format!("--out {out}: {error}; the results are on the screen only"));
    }
}
