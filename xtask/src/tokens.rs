//! Reads Rust source without being fooled by comments, strings and test modules.
//!
//! [`mask`] answers a text with as many lines as the source: comments are
//! spaces, and everything inside quotes is a quote. What is left of a line says
//! what the line is; words that are left are words of the language.
//! [`without_tests`] then blanks what is compiled for tests only.

/// What the lines of a source are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) code: usize,
    /// Lines with nothing but a comment.
    pub(crate) prose: usize,
}

/// Counts the lines of `source`, given its mask.
pub(crate) fn lines(source: &str, masked: &str) -> Lines {
    let mut lines = Lines::default();
    for (original, rest) in source.lines().zip(masked.lines()) {
        match (original.trim().is_empty(), rest.trim().is_empty()) {
            (true, _) => {}
            (false, true) => lines.prose += 1,
            (false, false) => lines.code += 1,
        }
    }
    lines
}

/// The source with comments as spaces and the contents of strings as quotes.
pub(crate) fn mask(source: &str) -> String {
    let mut masked = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let piece = piece(rest, masked.chars().next_back());
        let (covered, remainder) = rest.split_at(piece.length);
        match piece.cover {
            Some(cover) => {
                masked.extend(covered.chars().map(|c| if c == '\n' { c } else { cover }))
            }
            None => masked.push(first),
        }
        rest = remainder;
    }
    masked
}

/// The next stretch of source that is treated alike.
struct Piece {
    /// In bytes.
    length: usize,
    /// What stands in its place; `None` for a character that is kept.
    cover: Option<char>,
}

fn piece(rest: &str, before: Option<char>) -> Piece {
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let kept = Piece { length: first, cover: None };
    let covered = |length, cover| Piece { length, cover: Some(cover) };
    if rest.starts_with("//") {
        return covered(rest.find('\n').unwrap_or(rest.len()), ' ');
    }
    if rest.starts_with("/*") {
        return covered(block_comment(rest), ' ');
    }
    if rest.starts_with('"') {
        return covered(quoted(rest, '"'), '"');
    }
    if rest.starts_with('\'') {
        return character(rest).map_or(kept, |length| covered(length, '\''));
    }
    if before.is_some_and(is_word) {
        return kept; // the `r` of `for"` does not begin a raw string
    }
    raw_string(rest).map_or(kept, |length| covered(length, '"'))
}

/// The length of a block comment; they nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        let (change, length) = match here {
            _ if here.starts_with("/*") => (1, 2),
            _ if here.starts_with("*/") => (-1, 2),
            _ => (0, here.chars().next().map_or(1, char::len_utf8)),
        };
        depth += change;
        at += length;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a literal that ends at the next `end` without a backslash before it.
fn quoted(rest: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == end => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal; `None` if the quote begins a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut characters = rest.chars().skip(1);
    match (characters.next()?, characters.next()?) {
        ('\\', _) => Some(quoted(rest, '\'')),
        (one, '\'') => Some(2 + one.len_utf8()),
        _ => None,
    }
}

/// The length of `r"…"`, `r#"…"#`, also after `b` or `c`.
fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(prefix.len() + hashes + 1 + length)
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The masked text with modules for tests blanked.
pub(crate) fn without_tests(masked: &str) -> String {
    let mut kept = masked.to_owned();
    let mut from = 0;
    while let Some(found) = next_test_attribute(&kept[from..]) {
        let start = from + found;
        let end = start + item_length(&kept[start..]);
        let blank: String =
            kept[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        kept = format!("{}{blank}{}", &kept[..start], &kept[end..]);
        from = start + blank.len();
    }
    kept
}

fn next_test_attribute(masked: &str) -> Option<usize> {
    ["#[cfg(test)]", "#[cfg(all(test,"].into_iter().filter_map(|start| masked.find(start)).min()
}

/// The length of an item with its attributes: up to its `;` or its closing brace.
fn item_length(item: &str) -> usize {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 && (c == '}' || c == ';') {
            return at + 1;
        }
    }
    item.len()
}

/// The words of the language in masked text, each with its line and what follows it.
pub(crate) fn words(masked: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let starts = masked
        .char_indices()
        .filter(|&(at, c)| is_word(c) && !masked[..at].chars().next_back().is_some_and(is_word));
    let mut line = 1;
    let mut counted = 0;
    starts.map(move |(at, _)| {
        line += masked[counted..at].matches('\n').count();
        counted = at;
        let length = masked[at..].find(|c| !is_word(c)).unwrap_or(masked.len() - at);
        let (word, after) = masked[at..].split_at(length);
        (line, word, after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsafe_words(source: &str) -> usize {
        words(&mask(source)).filter(|&(_, word, _)| word == "unsafe").count()
    }

    #[test]
    fn comments_strings_and_characters_hide_words() {
        for source in [
            "// unsafe",
            "/* unsafe /* unsafe */ unsafe */",
            "/// unsafe\nfn f() {}",
            r#"let s = "unsafe \" unsafe";"#,
            r###"let s = r#"unsafe " unsafe"#;"###,
            r###"let s = br##"unsafe "# unsafe"##;"###,
            "let s = c\"unsafe\";",
            "#![forbid(unsafe_code)]",
            "let s = '\"'; // unsafe",
        ] {
            assert_eq!(unsafe_words(source), 0, "{source}");
        }
    }

    #[test]
    fn words_next_to_literals_are_seen() {
        for source in [
            "let c = '\"'; unsafe { }",
            "let c = '\\''; unsafe { }",
            "fn f<'a>(x: &'a str) { unsafe { } }",
            "let s = \"\\\\\"; unsafe { }",
            "let s = r\"\\\"; unsafe { }",
            "/* // */ unsafe { }",
            "let é = 'é'; unsafe { }",
            "match x { 'a'..='z' => unsafe { } }",
        ] {
            assert_eq!(unsafe_words(source), 1, "{source}");
        }
    }

    #[test]
    fn lines_are_code_prose_or_nothing() {
        let source =
            "//! What.\n\nfn f() { // why\n    /* a\n\n    b */\n}\nlet s = \"one\n\ntwo\";\n";
        assert_eq!(lines(source, &mask(source)), Lines { code: 4, prose: 3 });
    }

    #[test]
    fn a_mask_has_the_lines_of_its_source() {
        let source = "a\n/* b\nc */ \"d\n'e\" 'f'\n";
        assert_eq!(mask(source).lines().count(), source.lines().count());
    }

    #[test]
    fn modules_for_tests_are_blanked_and_others_are_not() {
        let source = "fn a() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests { fn b() { '}'; } }\nfn c() {}\n\
                      #[cfg(test)]\nmod more;\n#[cfg(all(test, loom))]\nmod model { }\nfn d() {}";
        let kept = without_tests(&mask(source));
        let functions: Vec<&str> =
            words(&kept).map(|(_, word, _)| word).filter(|word| word.len() == 1).collect();
        assert_eq!(functions, ["a", "c", "d"]);
        assert_eq!(kept.lines().count(), source.lines().count());
    }

    #[test]
    fn words_know_their_line_and_what_follows() {
        let found: Vec<_> = words("unsafe {\n  x! ()\n}").collect();
        assert_eq!(found, [(1, "unsafe", " {\n  x! ()\n}"), (2, "x", "! ()\n}")]);
    }
}
