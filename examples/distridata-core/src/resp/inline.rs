//! A request as one line: words, quotes, escapes.

use std::ops::Range;

/// The quotes of a line do not end, or a word begins right behind one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unbalanced;

/// Splits `line` into words, as redis does. Words are written to `words`, one behind the other.
///
/// In double quotes `\n`, `\r`, `\t`, `\a`, `\b` and `\x41` have their usual meaning, in single
/// quotes only `\'` has one.
pub(super) fn split(
    line: &[u8],
    words: &mut Vec<u8>,
    ranges: &mut Vec<Range<usize>>,
) -> Result<(), Unbalanced> {
    let mut rest = without_space(line);
    while !rest.is_empty() {
        let start = words.len();
        rest = without_space(word(rest, words)?);
        ranges.push(start..words.len());
    }
    Ok(())
}

/// Reads one word, which may have quoted parts; returns what is behind it.
fn word<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        match rest {
            [b'"', quoted @ ..] => return end_of_word(double_quoted(quoted, words)?),
            [b'\'', quoted @ ..] => return end_of_word(single_quoted(quoted, words)?),
            [byte, behind @ ..] if !is_space(*byte) => {
                words.push(*byte);
                rest = behind;
            }
            _ => return Ok(rest),
        }
    }
}

/// Behind a closing quote there must be a space or nothing.
fn end_of_word(rest: &[u8]) -> Result<&[u8], Unbalanced> {
    match rest.first() {
        Some(byte) if !is_space(*byte) => Err(Unbalanced),
        _ => Ok(rest),
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        let (byte, behind) = match rest {
            [b'"', behind @ ..] => return Ok(behind),
            [b'\\', b'x', high, low, behind @ ..] if is_hex(*high) && is_hex(*low) => {
                (hex(*high) << 4 | hex(*low), behind)
            }
            [b'\\', escaped, behind @ ..] => (unescaped(*escaped), behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return Err(Unbalanced),
        };
        words.push(byte);
        rest = behind;
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        let (byte, behind) = match rest {
            [b'\'', behind @ ..] => return Ok(behind),
            [b'\\', b'\'', behind @ ..] => (b'\'', behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return Err(Unbalanced),
        };
        words.push(byte);
        rest = behind;
    }
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

/// The same bytes as those that end a word, or `split` would not get on.
fn without_space(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|byte| !is_space(*byte)).unwrap_or(line.len());
    &line[start..]
}

/// As C's `isspace`.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 11
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn hex(byte: u8) -> u8 {
    (byte as char).to_digit(16).unwrap_or(0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<Vec<u8>>, Unbalanced> {
        let (mut bytes, mut ranges) = (Vec::new(), Vec::new());
        split(line.as_bytes(), &mut bytes, &mut ranges)?;
        Ok(ranges.into_iter().map(|range| bytes[range].to_vec()).collect())
    }

    #[test]
    fn words_quotes_and_escapes() {
        assert_eq!(words(" a  bc\t").unwrap(), [&b"a"[..], b"bc"]);
        assert_eq!(words(r#""a b" '' c"d e""#).unwrap(), [&b"a b"[..], b"", b"cd e"]);
        assert_eq!(
            words(r#""\x41\xzz\n\q\"" 'it\'s \n'"#).unwrap(),
            [&b"Axzz\nq\""[..], br"it's \n"]
        );
        assert_eq!(words("\x0b\x0ca\x0bb\r").unwrap(), [b"a", b"b"]);
        assert_eq!(words("").unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn quotes_must_end_where_the_word_ends() {
        for line in [r#""a"#, "'a", r#""a"b"#, "'a'b", r#""a\"#, r#""\"#, "a'"] {
            assert_eq!(words(line), Err(Unbalanced), "{line}");
        }
    }
}
