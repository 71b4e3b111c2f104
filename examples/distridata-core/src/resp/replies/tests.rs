//! Promises R1 and R2, against a plain buffer.

use super::*;
use crate::testing::Random;

/// All that is left, chunk by chunk.
fn drained(replies: &mut Replies) -> Vec<u8> {
    let mut out = Vec::new();
    while !replies.is_empty() {
        assert!(!replies.chunk().is_empty());
        out.extend_from_slice(replies.chunk());
        replies.advance(replies.chunk().len());
    }
    assert_eq!(replies.len(), 0);
    out
}

fn large(random: &mut Random) -> Value {
    Value::from(vec![random.next() as u8; SHARED_MIN + random.below(9) as usize])
}

#[test]
fn replies_have_the_form_of_resp2() {
    let mut replies = Replies::new();
    replies.simple("OK");
    replies.error("ERR two\r\nlines");
    for number in [0, -1, 1234567890, i64::MAX, i64::MIN] {
        replies.integer(number);
    }
    replies.bulk(b"");
    replies.bulk(b"a\r\nb");
    replies.nil();
    replies.array(2);
    let expected = "+OK\r\n-ERR two  lines\r\n:0\r\n:-1\r\n:1234567890\r\n:9223372036854775807\r\n\
                    :-9223372036854775808\r\n$0\r\n\r\n$4\r\na\r\nb\r\n$-1\r\n*2\r\n";
    assert_eq!(
        drained(&mut replies).escape_ascii().to_string(),
        expected.escape_default().to_string()
    );
}

#[test]
fn long_values_are_shared_and_short_ones_copied() {
    let long = Value::from(vec![1; SHARED_MIN]);
    let mut replies = Replies::new();
    replies.value(&long);
    replies.value(&Value::from(&b"short"[..]));
    assert_eq!(replies.chunk(), b"$16384\r\n");
    replies.advance(8);
    assert_eq!(replies.chunk().as_ptr(), long.as_ptr());
    replies.advance(SHARED_MIN + 1);
    assert_eq!(replies.chunk(), b"\n$5\r\nshort\r\n");
}

/// Random replies, marks, rewinds and partial sends give the bytes that a plain buffer would.
#[test]
fn r1_r2_the_queue_is_what_a_plain_buffer_would_be() {
    let mut random = Random::new(41);
    let mut rewound = 0;
    for _ in 0..300 {
        let (mut replies, mut model, mut sent) = (Replies::new(), Vec::new(), 0);
        let mut mark = (replies.mark(), 0);
        for _ in 0..40 {
            match random.below(10) {
                0..3 => {
                    replies.integer(7);
                    model.extend_from_slice(b":7\r\n");
                }
                3..5 => {
                    let value = large(&mut random);
                    replies.value(&value);
                    model.extend_from_slice(format!("${}\r\n", value.len()).as_bytes());
                    model.extend_from_slice(&value);
                    model.extend_from_slice(b"\r\n");
                }
                5 => {
                    let value = large(&mut random);
                    replies.raw(&value);
                    model.extend_from_slice(&value);
                }
                6 => mark = (replies.mark(), model.len()),
                7 if mark.1 >= sent => {
                    rewound += usize::from(mark.1 < model.len());
                    replies.rewind(mark.0);
                    model.truncate(mark.1);
                }
                _ => {
                    let count = random.below(replies.len().min(20_000) as u64 + 1) as usize;
                    for _ in 0..2 {
                        let chunk = replies.chunk();
                        assert_eq!(chunk, &model[sent..sent + chunk.len()]);
                    }
                    replies.advance(count);
                    sent += count;
                }
            }
            assert_eq!(replies.len(), model.len() - sent, "R1");
        }
        assert_eq!(drained(&mut replies), &model[sent..]);
    }
    assert!(rewound > 100, "witness: {rewound} rewinds took something back");
}

#[test]
fn large_buffers_are_given_back() {
    let mut replies = Replies::new();
    for _ in 0..100_000 {
        replies.integer(1);
    }
    assert_eq!(drained(&mut replies).len(), 400_000);
    assert!(replies.copied.capacity() <= KEPT_MAX);
    replies.integer(1);
    replies.clear();
    assert!(replies.is_empty() && replies.chunk().is_empty());
}
