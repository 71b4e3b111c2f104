//! Patterns as `KEYS` and `SCAN` take them: `*`, `?`, `[abc]`, `[a-z]`, `[^x]`, `\x`.
//!
//! Only the last `*` is ever tried again: whatever an earlier one could still take, the last one
//! can take, too. So matching takes at most pattern times text steps, whoever wrote the pattern.

/// Returns whether the whole of `text` matches `pattern`.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on if there is a mismatch: behind the last star, one byte of the text later.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some(b'*') = pattern.first() {
            pattern = &pattern[1..];
            again = Some((pattern, text));
            continue;
        }
        match (step(pattern, text), again) {
            (Step::End, _) => return true,
            (Step::Match(rest), _) => (pattern, text) = (rest, &text[1..]),
            (Step::Mismatch, Some((behind, [_, rest @ ..]))) => {
                (pattern, text) = (behind, rest);
                again = Some((behind, rest));
            }
            (Step::Mismatch, _) => return false,
        }
    }
}

enum Step<'a> {
    /// Both have ended.
    End,
    /// The first byte of the text matches; this is the rest of the pattern.
    Match(&'a [u8]),
    Mismatch,
}

/// Compares the first byte of the text; there is no star.
fn step<'a>(pattern: &'a [u8], text: &[u8]) -> Step<'a> {
    let Some((&byte, _)) = text.split_first() else {
        return if pattern.is_empty() { Step::End } else { Step::Mismatch };
    };
    let (matches, rest) = match pattern {
        [] => (false, pattern),
        [b'?', rest @ ..] => (true, rest),
        [b'[', class @ ..] => in_class(class, byte),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal == byte, rest),
    };
    if matches { Step::Match(rest) } else { Step::Mismatch }
}

/// Whether `byte` is in the class that begins behind `[`, and what follows behind `]`.
///
/// As redis does, a class that is not closed ends with the pattern.
fn in_class(class: &[u8], byte: u8) -> (bool, &[u8]) {
    let (negated, mut class) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    loop {
        let rest = match class {
            [] => return (found != negated, class),
            [b']', rest @ ..] => return (found != negated, rest),
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            [low, b'-', high, rest @ ..] => {
                found |= (*low.min(high)..=*low.max(high)).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
        };
        class = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        glob(pattern.as_bytes(), text.as_bytes())
    }

    #[test]
    fn patterns_mean_what_redis_says() {
        let yes = [
            ("", ""),
            ("*", ""),
            ("**", "abc"),
            ("a*c", "abbc"),
            ("a?c", "abc"),
            ("[a-c]x", "bx"),
            ("[c-a]x", "bx"),
            ("[^a]x", "bx"),
            ("\\*", "*"),
            ("[\\]]", "]"),
            ("h[ae]llo", "hello"),
            ("*a*b*", "xxaxxbxx"),
            ("[abc", "a"),
            ("a\\", "a\\"),
        ];
        let no = [
            ("", "a"),
            ("a", ""),
            ("?", ""),
            ("a*c", "abb"),
            ("[^a]x", "ax"),
            ("[a-c]x", "dx"),
            ("\\*", "a"),
            ("a*b", "ab "),
            ("[abc", "d"),
            ("[]x", "x"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern, text), "{pattern:?} should match {text:?}");
        }
        for (pattern, text) in no {
            assert!(!matches(pattern, text), "{pattern:?} should not match {text:?}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_pattern_times_text() {
        let text = "a".repeat(20_000);
        assert!(!matches(&format!("{}b", "a*".repeat(500)), &text));
    }
}
