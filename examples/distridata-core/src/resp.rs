//! RESP2, the protocol of redis: requests in ([`Parser`]), replies out ([`Replies`]).
//!
//! A request is an array of bulk strings, or one line with words and quotes. Both are read from the
//! bytes received so far, wherever packets were cut, and lend their arguments from there.
//!
//! ```text
//!  *2\r\n $3\r\nGET\r\n $1\r\nk\r\n     ──▶  ["GET", "k"]
//!  get "a key"\r\n                      ──▶  ["get", "a key"]
//! ```
//!
//! Not here: sockets and their buffers (`server`), the meaning of arguments (`command`).

mod args;
mod inline;
mod parser;
mod replies;

pub(crate) use args::Args;
pub(crate) use parser::{Limits, Parsed, Parser, ProtocolError};
pub(crate) use replies::Replies;

/// Reads an integer the way redis does: no plus sign, no spaces, no zeros in front.
pub(crate) fn integer(bytes: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        b"0" if !is_negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut number: i64 = 0;
    for digit in digits {
        let digit = i64::from(digit.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        // Downwards, because there is one more negative number than there are positive ones.
        number = number.checked_mul(10)?.checked_sub(digit)?;
    }
    if is_negative { Some(number) } else { number.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_form() {
        for number in [0, 1, -1, 42, i64::MAX, i64::MIN, 1_000_000] {
            assert_eq!(integer(number.to_string().as_bytes()), Some(number));
        }
        let bad = ["", "-", "-0", "01", "+1", " 1", "1 ", "1a", "9223372036854775808", "1:", "1/"];
        let worse = ["-9223372036854775809", "18446744073709551617", "--1", "99999999999999999999"];
        for text in bad.into_iter().chain(worse) {
            assert_eq!(integer(text.as_bytes()), None, "{text:?}");
        }
    }
}
