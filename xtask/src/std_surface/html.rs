//! The functions of a module of std, from the pages of its installed documentation.
//!
//! ```text
//!  fs/sidebar-items1.95.0.js ──▶ items ──▶ fs/struct.File.html ──▶ head: since, unstable, deprecated
//!                                                                 └▶ each <section id="method.…">
//! ```
//!
//! HTML is no format that anybody promised. So whatever is read is read twice: the items of a module are
//! those that its sidebar names *and* those that have a page; the methods of an item are those that have a
//! section *and* those that the page's own sidebar names. Where the two differ, this stops.
//!
//! Left out: what traits of elsewhere bring (`Clone::clone`), methods through `Deref`, and what is
//! unstable. Two methods of one name, in two `impl` blocks, are one entry.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::table::Entry;
use crate::json::Value;

/// Kinds of items that are functions or have some.
const WITH: [&str; 5] = ["fn", "struct", "enum", "union", "trait"];
/// Kinds that have none of their own.
const WITHOUT: [&str; 9] =
    ["mod", "macro", "constant", "static", "type", "primitive", "keyword", "attr", "derive"];

/// Where methods end that are the item's own.
const ENDS: [&str; 6] = [
    "<h2 id=\"trait-implementations\"",
    "<h2 id=\"implementors\"",
    "<h2 id=\"foreign-impls\"",
    "<h2 id=\"deref-methods",
    "<h2 id=\"synthetic-implementations\"",
    "<h2 id=\"blanket-implementations\"",
];

/// The version of the documentation in this directory: it is part of a file's name.
pub(crate) fn version(std: &Path) -> Result<String, String> {
    let name = sidebar(std)?;
    let version = name.strip_prefix("sidebar-items").and_then(|rest| rest.strip_suffix(".js"));
    let version = version.filter(|version| version.split('.').count() == 3);
    version.map(str::to_owned).ok_or_else(|| format!("{}/{name}: which version?", std.display()))
}

/// The stable functions and methods of the module `path` (`os::unix::fs`), ordered by name.
pub(crate) fn module(std: &Path, path: &str) -> Result<Vec<Entry>, String> {
    let place = std.join(path.replace("::", "/"));
    let items = items(&read(&place.join(sidebar(&place)?))?)?;
    let files = file_names(&place)?;
    let mut entries = Vec::new();
    for (kind, name) in same(path, items, pages(&files))? {
        let page = read(&place.join(format!("{kind}.{name}.html")))?;
        entries.extend(page_entries(path, &kind, &name, &page)?);
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn file_names(place: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(place).map_err(|error| format!("{}: {error}", place.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.collect())
}

fn sidebar(place: &Path) -> Result<String, String> {
    let mut names = file_names(place)?.into_iter();
    let found = names.find(|name| name.starts_with("sidebar-items") && name.ends_with(".js"));
    found.ok_or_else(|| format!("{}: there is no sidebar-items*.js", place.display()))
}

type Items = BTreeSet<(String, String)>;

/// Kind and name of the items with functions that a module's sidebar names.
fn items(script: &str) -> Result<Items, String> {
    let json = script.split_once('=').map_or("", |(_, json)| json).trim().trim_end_matches(';');
    let kinds = Value::parse(json).map_err(|wrong| format!("sidebar-items: {wrong}"))?;
    let mut items = Items::new();
    for (kind, names) in kinds.fields() {
        match kind.as_str() {
            kind if WITH.contains(&kind) => {
                items.extend(names.items().iter().map(|name| (kind.into(), name.text().into())));
            }
            kind if WITHOUT.contains(&kind) => {}
            kind => {
                return Err(format!("`{kind}` is a kind of item that nobody has met: see html.rs"));
            }
        }
    }
    if items.is_empty() { Err("sidebar-items names nothing".into()) } else { Ok(items) }
}

/// Kind and name of the items with functions that have a page.
fn pages(files: &[String]) -> Items {
    let split = |file: &String| {
        let (kind, name) = file.strip_suffix(".html")?.split_once('.')?;
        WITH.contains(&kind).then(|| (kind.to_owned(), name.to_owned()))
    };
    files.iter().filter_map(split).collect()
}

/// Both, if they are the same.
fn same<T: Ord + Clone + std::fmt::Debug>(
    of: &str,
    named: BTreeSet<T>,
    found: BTreeSet<T>,
) -> Result<BTreeSet<T>, String> {
    let differing: Vec<_> = named.symmetric_difference(&found).cloned().collect();
    match differing.is_empty() {
        true => Ok(found),
        false => Err(format!("std::{of}: the pages and their sidebars disagree on {differing:?}")),
    }
}

// ── one page ────────────────────────────────────────────────────────────────────────────────────

/// What a page says beside a name.
struct Facts {
    since: Option<String>,
    unstable: bool,
    note: String,
}

/// The stable entries of one page.
fn page_entries(path: &str, kind: &str, item: &str, page: &str) -> Result<Vec<Entry>, String> {
    let name = format!("{path}::{item}");
    let (nav, main) = page.split_once("<main>").ok_or_else(|| format!("{name}: no <main>"))?;
    let head = facts(until(main, &["<div class=\"docblock\">", "<h2 id="]));
    if kind == "fn" {
        return Ok(entry(name, &head, &head)?.into_iter().collect());
    }
    let sections = sections(main);
    let found = sections.iter().map(|(method, _)| (*method).to_owned()).collect();
    same(&name, nav_methods(nav), found)?;
    let mut entries: Vec<Entry> = Vec::new();
    for (method, section) in sections {
        let entry = entry(format!("{name}::{method}"), &facts(section), &head)?;
        entries.extend(entry.filter(|new| !entries.iter().any(|old| old.name == new.name)));
    }
    Ok(entries)
}

/// `None` for what is unstable, or belongs to something that is.
fn entry(name: String, facts: &Facts, head: &Facts) -> Result<Option<Entry>, String> {
    if facts.unstable || head.unstable {
        return Ok(None);
    }
    let since = facts.since.clone().or_else(|| head.since.clone());
    let since =
        since.ok_or_else(|| format!("{name} is stable, and its page does not say since when"))?;
    Ok(Some(Entry { name, since, note: facts.note.clone() }))
}

fn facts(html: &str) -> Facts {
    let since = between(html, "Stable since Rust version ", |c| !c.is_ascii_digit() && c != '.');
    let deprecated = html.contains("\"stab deprecated\"").then(|| "deprecated".to_owned());
    let place = html.split_once("\"stab portability\">Available on ").and_then(|(_, rest)| {
        let place = without_tags(rest.split_once(" only.")?.0);
        (place != "Unix").then_some(place) // as the path says already
    });
    let notes: Vec<String> = deprecated.into_iter().chain(place).collect();
    Facts {
        since: since.map(|version| version.strip_suffix(".0").unwrap_or(version).to_owned()),
        unstable: html.contains("\"stab unstable\""),
        note: notes.join("; "),
    }
}

/// The sections of the item's own methods: name, and the text up to where its prose begins.
fn sections(main: &str) -> Vec<(&str, &str)> {
    let own = until(main, &ENDS);
    let starts = own.match_indices("<section id=\"").filter_map(|(at, start)| {
        let section = &own[at + start.len()..];
        let (id, rest) = section.split_once('"')?;
        let class = rest.strip_prefix(" class=\"")?.split('"').next()?;
        let is_own = class.starts_with("method") && !class.contains("trait-impl");
        let end = &["</summary>", "<div class=\"docblock\">", "<section id=", "<h2 id="];
        is_own.then_some(())?;
        Some((method(id)?, until(section, end)))
    });
    starts.collect()
}

/// The methods that the page's own sidebar names.
fn nav_methods(nav: &str) -> BTreeSet<String> {
    let nav = nav.split_once("<nav class=\"sidebar\"").map_or("", |(_, nav)| nav);
    let lists = nav.split("<ul class=\"block ").filter(|list| !list.starts_with("deref-methods"));
    let links = lists.flat_map(|list| list.split("href=\"#").skip(1));
    links.filter_map(|link| method(link.split('"').next()?)).map(str::to_owned).collect()
}

/// The name in `method.set-1`, `tymethod.read`.
fn method(id: &str) -> Option<&str> {
    let name = id.strip_prefix("method.").or_else(|| id.strip_prefix("tymethod."))?;
    Some(name.split('-').next().unwrap_or(name))
}

/// The text before whichever of `ends` comes first.
fn until<'a>(text: &'a str, ends: &[&str]) -> &'a str {
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    &text[..end.unwrap_or(text.len())]
}

fn between<'a>(text: &'a str, start: &str, ends: fn(char) -> bool) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(&rest[..rest.find(ends).unwrap_or(rest.len())])
}

fn without_tags(html: &str) -> String {
    let pieces = html.split('<').enumerate().map(|(at, piece)| match at {
        0 => piece,
        _ => piece.split_once('>').map_or("", |(_, text)| text),
    });
    pieces.collect()
}

#[cfg(test)]
mod std_surface_html {
    use super::*;

    const SINCE: &str =
        r#"<span class="since" title="Stable since Rust version 1.5.0">1.5.0</span>"#;
    const UNSTABLE: &str = r#"<div class="stab unstable"><span>nightly-only</span></div>"#;
    const DEPRECATED: &str =
        r#"<div class="stab deprecated"><span>Deprecated since 1.6.0</span></div>"#;
    const LINUX: &str = r#"<div class="stab portability">Available on <strong>Linux or <code>x</code></strong> only.</div>"#;

    /// A page as rustdoc writes it: its sidebar names `listed`, its text has `body`.
    fn page(listed: &[&str], head: &str, body: &str) -> String {
        let links: String =
            listed.iter().map(|id| format!("<li><a href=\"#{id}\">x</a></li>")).collect();
        format!(
            "<nav class=\"sidebar\"><ul class=\"block method\">{links}</ul>\
             <ul class=\"block deref-methods\"><li><a href=\"#method.far\">far</a></li></ul></nav>\
             <main><span class=\"sub-heading\">{head}</span><div class=\"docblock\">{LINUX}</div>\
             <h2 id=\"implementations\">Implementations</h2>{body}\
             <h2 id=\"deref-methods-x\"></h2><section id=\"method.far\" class=\"method\"></section>\
             <h2 id=\"trait-implementations\"></h2></main>"
        )
    }

    fn section(id: &str, class: &str, inside: &str) -> String {
        format!(
            "<details><summary><section id=\"{id}\" class=\"{class}\">{inside}<h4>fn</h4></section>\
             </summary><div class=\"docblock\">{UNSTABLE}</div></details>"
        )
    }

    fn entries(kind: &str, page: &str) -> Result<Vec<Entry>, String> {
        page_entries("fs", kind, "Thing", page)
    }

    fn lines(entries: &[Entry]) -> Vec<String> {
        let line = |entry: &Entry| format!("{} {} {}", entry.name, entry.since, entry.note);
        entries.iter().map(|entry| line(entry).trim_end().to_owned()).collect()
    }

    #[test]
    fn a_function_is_its_page_and_an_unstable_one_is_none() {
        assert_eq!(lines(&entries("fn", &page(&[], SINCE, "")).unwrap()), ["fs::Thing 1.5"]);
        let note = format!("{SINCE}{DEPRECATED}{LINUX}");
        let noted = entries("fn", &page(&[], &note, "")).unwrap();
        assert_eq!(lines(&noted), ["fs::Thing 1.5 deprecated; Linux or x"]);
        assert_eq!(entries("fn", &page(&[], UNSTABLE, "")), Ok(vec![]));
        assert!(entries("fn", &page(&[], "", "")).unwrap_err().contains("since when"));
        assert!(entries("fn", "nothing").unwrap_err().contains("no <main>"));
    }

    #[test]
    fn methods_are_read_with_what_stands_beside_them_and_not_in_their_prose() {
        let own = r#"<span title="Stable since Rust version 1.30.1, const since 1.40.0">"#;
        let body = [
            section("method.set", "method", own),
            section("method.set-1", "method", own),
            section("tymethod.get", "method", ""),
            section("method.new", "method", UNSTABLE),
            section("method.old", "method deprecated", DEPRECATED),
            section("method.clone", "method trait-impl", ""),
        ];
        let listed = ["method.set", "method.set-1", "tymethod.get", "method.new", "method.old"];
        let found = entries("struct", &page(&listed, SINCE, &body.concat())).unwrap();
        let expected =
            ["fs::Thing::set 1.30.1", "fs::Thing::get 1.5", "fs::Thing::old 1.5 deprecated"];
        assert_eq!(lines(&found), expected);
        assert_eq!(entries("struct", &page(&listed, UNSTABLE, &body.concat())), Ok(vec![]));
    }

    #[test]
    fn a_page_that_disagrees_with_its_sidebar_is_refused() {
        let body = section("method.set", "method", SINCE);
        for listed in [&["method.set", "method.get"][..], &[]] {
            let wrong = entries("struct", &page(listed, SINCE, &body)).unwrap_err();
            assert!(
                wrong.contains("std::fs::Thing: the pages and their sidebars disagree"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_sidebar_names_items_and_new_kinds_of_them_are_refused() {
        let script = r#"window.SIDEBAR_ITEMS = {"fn":["copy"],"mod":["x"],"struct":["File"]};"#;
        let files = ["fn.copy.html", "struct.File.html", "index.html", "macro.x.html", "x"];
        let files: Vec<String> = files.map(String::from).into();
        assert_eq!(items(script), Ok(pages(&files)));
        assert!(same("fs", items(script).unwrap(), pages(&files[1..])).is_err());
        assert!(items(r#"x = {"actor":["A"]};"#).unwrap_err().contains("`actor`"));
        assert!(items("").is_err());
        assert!(items("x = {}").unwrap_err().contains("names nothing"));
    }
}
