//! `junit.xml`: one test case for each clause and flavour, the group as class name.

use std::fmt::Write;

use crate::contract;
use crate::outcome::Outcome;
use crate::report::Page;
use crate::verdict::Verdict;

pub(super) fn file(pages: &[Page]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for page in pages {
        suite(&mut out, page).expect("a string takes everything");
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, page: &Page) -> std::fmt::Result {
    let count = |asked: fn(Verdict) -> bool| {
        page.outcomes.iter().filter(|outcome| asked(outcome.verdict)).count()
    };
    let is_error = |verdict| matches!(verdict, Verdict::Broken | Verdict::Inconclusive);
    writeln!(
        out,
        " <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
        escaped(&page.header.runtime),
        page.outcomes.len(),
        count(Verdict::is_failure),
        count(is_error),
        count(|verdict| matches!(verdict, Verdict::Skip | Verdict::Untested)),
    )?;
    for outcome in &page.outcomes {
        case(out, &page.header.runtime, outcome)?;
    }
    writeln!(out, " </testsuite>")
}

fn case(out: &mut String, runtime: &str, outcome: &Outcome) -> std::fmt::Result {
    let group = contract::clause(&outcome.clause).map_or("", |clause| clause.group());
    write!(
        out,
        "  <testcase classname=\"{}.{group}\" name=\"{}\"",
        escaped(runtime),
        escaped(&outcome.name())
    )?;
    let observed = escaped(&outcome.observed);
    match outcome.verdict {
        Verdict::Pass => return writeln!(out, "/>"),
        Verdict::Skip | Verdict::Untested | Verdict::KnownFail => {
            write!(out, "><skipped message=\"{}: {observed}\"/>", outcome.verdict)?;
        }
        Verdict::Broken | Verdict::Inconclusive | Verdict::UnexpectedPass => {
            write!(out, "><error message=\"{}: {observed}\"/>", outcome.verdict)?;
        }
        Verdict::Fail | Verdict::FlakyFail => {
            let (failed, attempts) = (outcome.failed, outcome.attempts);
            write!(
                out,
                "><failure message=\"{} {failed}/{attempts}: {observed}\">",
                outcome.verdict
            )?;
            write!(out, "{}</failure>", escaped(&outcome.repro))?;
        }
    }
    writeln!(out, "</testcase>")
}

/// Text for XML and HTML. What XML cannot hold at all becomes the sign for "unknown".
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(c),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::sample;

    #[test]
    fn each_case_is_counted_and_nothing_breaks_the_markup() {
        let xml = file(&[sample()]);
        assert!(xml.contains("tests=\"5\" failures=\"1\" errors=\"0\" skipped=\"2\""), "{xml}");
        assert_eq!(xml.matches("<testcase").count(), 5);
        assert!(xml.contains("it &lt;did&gt; not &amp; &quot;so&quot;"));
        assert_eq!(escaped("a\u{0}b\u{1b}"), "a\u{fffd}b\u{fffd}");
    }
}
