//! The twins, as they stand in the test that compiles them.
//!
//! `integration/tests/std_surface/main.rs` and the modules that it declares hold calls of one form:
//!
//! ```text
//!  twin("fs::File::lock", async |f: &File| f.lock().await)
//!        name of std      a use of ours; what is behind `|…|` is shown on the page
//! ```
//!
//! A file that is not declared is not compiled, so what is in it does not count.

use std::fs;
use std::path::Path;

use super::table::Twin;
use crate::tokens;

/// Where the test and its modules are.
const TEST: &str = "integration/tests/std_surface";

/// All twins that are compiled.
pub(crate) fn read(root: &Path) -> Result<Vec<Twin>, String> {
    let text = |module: &str| {
        let path = format!("{TEST}/{module}.rs");
        fs::read_to_string(root.join(&path)).map_err(|error| format!("{path}: {error}"))
    };
    let test = text("main")?;
    let mut found = twins(&test)?;
    for module in modules(&test) {
        found.extend(twins(&text(module)?)?);
    }
    Ok(found)
}

/// The modules that the test declares in its directory: those without a `#[path]`.
fn modules(test: &str) -> Vec<&str> {
    let lines: Vec<&str> = test.lines().collect();
    let declared = lines.iter().enumerate().filter_map(|(at, line)| {
        let elsewhere = at > 0 && lines[at - 1].trim().starts_with("#[path");
        let module = line.strip_prefix("mod ")?.strip_suffix(';')?;
        (!elsewhere).then_some(module)
    });
    declared.collect()
}

/// The calls of `twin` in Rust source.
fn twins(source: &str) -> Result<Vec<Twin>, String> {
    // A mask has as many characters, not as many bytes.
    let masked: Vec<char> = tokens::mask(source).chars().collect();
    let source: Vec<char> = source.chars().collect();
    let call: Vec<char> = "twin(".chars().collect();
    let is_call = |&at: &usize| {
        masked[at..].starts_with(&call) && !(at > 0 && tokens::is_word(masked[at - 1]))
    };
    let arguments = (0..masked.len()).filter(is_call).map(|at| {
        let start = at + call.len();
        let end = start + arguments_length(&masked[start..]);
        source[start..end].iter().collect::<String>()
    });
    arguments.map(|arguments| twin(&arguments)).collect()
}

/// Up to the parenthesis that closes.
fn arguments_length(masked: &[char]) -> usize {
    let mut depth = 1;
    for (at, c) in masked.iter().enumerate() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    masked.len()
}

fn twin(arguments: &str) -> Result<Twin, String> {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let flat = words.join(" ");
    let named = flat.strip_prefix('"').and_then(|rest| rest.split_once("\", "));
    let (name, code) = named.ok_or_else(|| format!("{TEST}: `twin({flat})` has no name"))?;
    Ok(Twin { name: name.into(), code: shown(code.trim_end_matches(',')).into() })
}

/// What a closure does, without the braces of a lone expression; of anything else, all.
fn shown(code: &str) -> &str {
    let body = code.split_once('|').and_then(|(_, rest)| rest.split_once('|'));
    let body = body.map_or(code, |(_, body)| body.trim());
    let inside = body.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).map(str::trim);
    inside.filter(|inside| !inside.contains(['{', ';'])).unwrap_or(body)
}

#[cfg(test)]
mod std_surface_twins {
    use super::*;

    #[test]
    fn twins_are_calls_with_a_name_and_a_use() {
        let source = "//! twin(\"no\", f)\nfn twin<F>() {}\nmy_twin(1);\nvec![\n    \
                      twin(\"fs::File::lock\", async |f: &File| f.lock().await),\n    \
                      // twin(\"no\", f)\n    twin(\n        \"net::x\",\n        \
                      async || connect(\"é):1\").await,\n    ),\n    twin(\"io::empty\", io::empty),\n]";
        let found = twins(source).unwrap();
        let pairs: Vec<(&str, &str)> =
            found.iter().map(|twin| (twin.name.as_str(), twin.code.as_str())).collect();
        let expected = [
            ("fs::File::lock", "f.lock().await"),
            ("net::x", "connect(\"é):1\").await"),
            ("io::empty", "io::empty"),
        ];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn a_use_is_shown_without_arguments_and_without_braces_that_hold_one_expression() {
        assert_eq!(shown("async |n: u8| { f(n).await }"), "f(n).await");
        assert_eq!(shown("|| { a; b }"), "{ a; b }");
        assert_eq!(shown("async || { S { n }.f(); S { n } }"), "{ S { n }.f(); S { n } }");
        assert_eq!(shown("Type::new"), "Type::new");
    }

    #[test]
    fn a_twin_without_a_name_is_refused() {
        assert!(twins("twin(NAME, f)").unwrap_err().contains("`twin(NAME, f)` has no name"));
    }

    #[test]
    fn modules_count_when_they_are_declared() {
        let test = "#[path = \"elsewhere.rs\"]\nmod table;\nmod net;\n// mod fs;\nuse x;\n";
        assert_eq!(modules(test), ["net"]);
    }
}
