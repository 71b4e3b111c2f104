//! `conformance.md`: the table for people, and each failure with the line that repeats it.

use std::fmt::Write;

use crate::contract::{self, Level};
use crate::outcome::Outcome;
use crate::report::Page;
use crate::report::page::Totals;
use crate::verdict::Verdict;

pub(super) fn file(pages: &[Page]) -> String {
    let mut out = String::from("# Conformance\n\n");
    if let Some(page) = pages.first() {
        let _ = writeln!(out, "{}\n", page.header.title());
    }
    for page in pages {
        run(&mut out, page).expect("a string takes everything");
    }
    out
}

fn run(out: &mut String, page: &Page) -> std::fmt::Result {
    let header = &page.header;
    writeln!(out, "## {} {}\n\n{}\n", header.runtime, header.version, claim(page))?;
    for (flavour, caps) in &header.flavours {
        let names: Vec<_> = caps.iter().map(|cap| cap.name()).collect();
        let profile = page.standing(flavour).in_full();
        writeln!(out, "- `{flavour}`: profile {profile}; declares {}", names.join(" "))?;
    }
    writeln!(out, "\n| group | MUST | SHOULD | skip | untested | inconclusive |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for group in contract::groups() {
        let (must, should) =
            (page.totals(Some(group), Level::Must), page.totals(Some(group), Level::Should));
        if must == Totals::default() && should == Totals::default() {
            continue;
        }
        writeln!(
            out,
            "| {group} | {} | {} | {} | {} | {} |",
            ratio(&must),
            ratio(&should),
            must.skipped + should.skipped,
            must.untested + should.untested,
            must.inconclusive + should.inconclusive,
        )?;
    }
    writeln!(out)?;
    page.trouble().try_for_each(|outcome| trouble(out, outcome))
}

fn trouble(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let (failed, attempts) = (outcome.failed, outcome.attempts);
    writeln!(out, "- **{}** {} ({failed} of {attempts})", outcome.name(), outcome.verdict)?;
    writeln!(out, "  - expected: {}", outcome.expected)?;
    writeln!(out, "  - observed: {}", outcome.observed)?;
    writeln!(out, "  - repeat: `{}`", outcome.repro)
}

fn ratio(totals: &Totals) -> String {
    match totals.judged() {
        0 => String::new(),
        judged => format!("{}/{judged}", totals.passed),
    }
}

/// The sentence that may be quoted; it names the profile and what was left out. A run in which a
/// flavour reaches no profile, because a filter left out clauses, claims nothing.
pub(super) fn claim(page: &Page) -> String {
    let (must, should) = (page.totals(None, Level::Must), page.totals(None, Level::Should));
    let os = page.header.machine.iter().find(|(name, _)| name == "os");
    let os = os.map_or("", |(_, os)| os);
    let known: Vec<_> =
        page.clauses().into_iter().filter(|id| page.worst_of(id) == Verdict::KnownFail).collect();
    let short = page.flavours().find(|flavour| page.standing(flavour).profile.is_none());
    let state = match short {
        _ if page.is_spoilt() => "not conformant".to_owned(),
        Some(flavour) => format!("no claim, {flavour}: {}", page.standing(flavour).in_full()),
        None if !known.is_empty() => format!("conformant except {}", known.join(", ")),
        None => "conformant".to_owned(),
    };
    format!(
        "runtime-conformance {} / {} / MUST {}-{} / SHOULD {}-{} / {os}: {state}",
        page.header.suite,
        page.profile(),
        must.passed,
        must.judged(),
        should.passed,
        should.judged(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::sample;

    #[test]
    fn a_failure_comes_with_its_command() {
        let text = file(&[sample()]);
        assert!(text.contains("**TASK-2@current** fail (1 of 1)"), "{text}");
        assert!(text.contains("repeat: `cargo test --test conformance -- TASK-2"));
        assert!(text.contains("/ none / MUST 1-2 /"), "{text}");
        assert!(text.contains(": not conformant"));
    }

    /// Everything on one flavour, all with this verdict.
    fn whole(verdict: impl Fn(&str) -> Verdict) -> Page {
        let mut page = sample();
        let line = |case: &crate::case::Case| {
            let mut line = crate::outcome::sample(case.id, "multi2", verdict(case.id));
            line.part = case.part.into();
            line
        };
        page.outcomes = crate::clauses::cases().map(line).collect();
        page
    }

    #[test]
    fn what_is_excused_is_named_in_the_claim() {
        let excused = whole(|id| match id {
            "TASK-2" => Verdict::KnownFail,
            _ => Verdict::Pass,
        });
        let claim = claim(&excused);
        assert!(
            claim.contains("/ core /") && claim.ends_with(": conformant except TASK-2"),
            "{claim}"
        );
    }

    #[test]
    fn a_part_of_the_suite_is_no_claim() {
        let mut page = whole(|_| Verdict::Pass);
        assert!(claim(&page).ends_with(": conformant"), "{}", claim(&page));
        page.outcomes.retain(|outcome| outcome.clause == "TASK-2");
        let claim = claim(&page);
        assert!(
            claim.contains("/ none /") && claim.contains(": no claim, multi2: none: "),
            "{claim}"
        );
    }
}
