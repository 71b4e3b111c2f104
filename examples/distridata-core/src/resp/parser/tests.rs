//! Promises P1–P3: samples cut everywhere, and garbage.

use super::*;
use crate::testing::Random;

const LIMITS: Limits = Limits { args_max: 5, bulk_max: 100, inline_max: 60, command_max: 160 };

type Commands = Vec<Vec<Vec<u8>>>;

/// Everything that is in `input`, received in pieces that end at `cuts`: the commands and the error.
fn parse_cut(input: &[u8], cuts: &[usize]) -> (Commands, Option<ProtocolError>) {
    let mut parser = Parser::new(LIMITS);
    let (mut commands, mut from) = (Commands::new(), 0);
    for received in cuts.iter().copied().chain([input.len()]) {
        loop {
            let waiting = &input[from..received];
            match parser.parse(waiting) {
                Ok(Parsed::Incomplete) => break,
                Ok(Parsed::Skip(length)) => from += length,
                Ok(Parsed::Complete(length)) => {
                    commands.push(parser.args(waiting).iter().map(<[u8]>::to_vec).collect());
                    from += length;
                }
                Err(error) => return (commands, Some(error)),
            }
        }
    }
    (commands, None)
}

const SAMPLES: [&str; 24] = [
    "*1\r\n$4\r\nPING\r\n",
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    "*2\r\n$4\r\nECHO\r\n$10\r\n$1\r\n*1\r\n\r\n\r\n",
    "PING\r\nget k\nset \"a b\" 'c d' \"\\x00\"\r\n",
    "*0\r\n\r\n\n*-1\r\n*1\r\n$4\r\nPING\r\n   \r\nPING",
    "*1\r\n$4\r\nPING\r\nget 'k\r\n",
    "*x\r\n",
    "*01\r\n",
    "*6\r\n",
    "*5\r\n",
    "*99999999999999999999\r\n",
    "*1\n\r",
    "*1\r\r",
    "*11111111111111111111111111111111111111111111111111111",
    "*1\r\nPING\r\n",
    "*1\r\n\r\n",
    "*1\r\n$-1\r\n",
    "*1\r\n$101\r\n",
    "*1\r\n$x\r\n",
    "*1\r\n$11111111111111111111111111111111111111111111111111111",
    "*1\r\n$4\r\nPINGxx",
    "*1\r\n$4\r\nPING\rx",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
    "*2\r\n$90\r\n012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n$90\r\n",
];

#[test]
fn p3_cuts_make_no_difference() {
    for sample in SAMPLES {
        let input = sample.as_bytes();
        let whole = parse_cut(input, &[]);
        for first in 0..=input.len() {
            assert_eq!(parse_cut(input, &[first]), whole, "{sample:?} cut at {first}");
            for second in first..=input.len() {
                assert_eq!(parse_cut(input, &[first, second]), whole, "{sample:?}");
            }
        }
        let every: Vec<usize> = (0..input.len()).collect();
        assert_eq!(parse_cut(input, &every), whole, "{sample:?}, byte by byte");
    }
}

#[test]
fn p3_garbage_is_refused_in_the_same_way_however_it_is_cut() {
    let mut random = Random::new(31);
    let (mut commands, mut errors) = (0, 0);
    let alphabet = b"**$$\r\n\r\n\r\n012345 \"'\\xab-";
    for _ in 0..40_000 {
        let length = random.below(60);
        let pick = |random: &mut Random| alphabet[random.below(alphabet.len() as u64) as usize];
        let mut input: Vec<u8> = (0..length).map(|_| pick(&mut random)).collect();
        if random.below(2) == 0 {
            input.splice(0..0, *b"*2\r\n$1\r\n");
        }
        let whole = parse_cut(&input, &[]);
        let mut cuts: Vec<usize> =
            (0..5).map(|_| random.below(input.len() as u64 + 1) as usize).collect();
        cuts.sort_unstable();
        assert_eq!(parse_cut(&input, &cuts), whole, "{:?} {cuts:?}", input.escape_ascii());
        commands += whole.0.len();
        errors += usize::from(whole.1.is_some());
    }
    assert!(commands > 1_000 && errors > 1_000, "witness: {commands} commands, {errors} errors");
}

#[test]
fn p3_damaged_samples_do_not_panic() {
    let mut random = Random::new(32);
    for _ in 0..20_000 {
        let sample = SAMPLES[random.below(SAMPLES.len() as u64) as usize];
        let mut input = sample.as_bytes().to_vec();
        for _ in 0..random.below(4) {
            let place = random.below(input.len() as u64) as usize;
            input[place] = random.next() as u8;
        }
        let cut = random.below(input.len() as u64 + 1) as usize;
        assert_eq!(parse_cut(&input, &[cut]), parse_cut(&input, &[]));
    }
}

fn error(input: &str) -> String {
    parse_cut(input.as_bytes(), &[]).1.map_or("none".to_owned(), |error| error.to_string())
}

#[test]
fn errors_are_worded_like_those_of_redis() {
    let of = |text: &str| format!("ERR Protocol error: {text}");
    assert_eq!(error("*x\r\n"), of("invalid multibulk length"));
    assert_eq!(error("*6\r\n"), of("invalid multibulk length"));
    assert_eq!(error("*1\r\n:3\r\n"), of("expected '$', got ':'"));
    assert_eq!(error("*1\r\n\n"), of("expected '$', got ' '"));
    assert_eq!(error("*1\r\n$101\r\n"), of("invalid bulk length: at most 100 bytes"));
    assert_eq!(error("*1\r\n$-1\r\n"), of("invalid bulk length"));
    assert_eq!(error("get \"k\r\n"), of("unbalanced quotes in request"));
    assert_eq!(error(&"x".repeat(61)), of("too big inline request"));
    assert_eq!(error(&"*1\r\n$90\r\n".replace("$90", "$90 ")), of("invalid bulk length"));
    let two = format!("*2\r\n$90\r\n{}\r\n$90\r\n", "x".repeat(90));
    assert_eq!(error(&two), of("too big command: at most 160 bytes"));
}

#[test]
fn p1_a_line_in_small_packets_is_read_once() {
    let mut parser = Parser::new(Limits::default());
    let line = [b'x'; 1000];
    for received in 1..line.len() {
        assert_eq!(parser.parse(&line[..received]), Ok(Parsed::Incomplete));
        assert_eq!(parser.at, received);
    }
}

/// P1: as many calls as there are bytes, and no look at what was read before.
#[test]
fn p1_a_large_command_in_small_packets_is_read_once() {
    let length = 4 << 20;
    let mut input = format!("*2\r\n$4\r\nECHO\r\n${length}\r\n").into_bytes();
    input.resize(input.len() + length, b'x');
    input.extend_from_slice(b"\r\n");
    let mut parser = Parser::new(Limits::default());
    let mut looked_at = 0;
    for received in (0..input.len()).step_by(100) {
        let before = parser.at;
        assert_eq!(parser.parse(&input[..received]), Ok(Parsed::Incomplete));
        looked_at += parser.at - before;
    }
    assert!(looked_at < 40, "read {looked_at} bytes before the value was complete");
    assert_eq!(parser.parse(&input), Ok(Parsed::Complete(input.len())));
    assert_eq!(parser.args(&input)[1].len(), length);
}

#[test]
fn p2_headers_reserve_nothing_and_many_arguments_are_forgotten() {
    let mut parser = Parser::new(Limits::default());
    assert_eq!(parser.parse(b"*1048576\r\n$67108864\r\n"), Ok(Parsed::Incomplete));
    assert!(parser.ranges.capacity() < 8);
    let count = 50_000;
    let input = format!("*{count}\r\n{}", "$0\r\n\r\n".repeat(count));
    let mut parser = Parser::new(Limits::default());
    assert_eq!(parser.parse(input.as_bytes()), Ok(Parsed::Complete(input.len())));
    assert_eq!(parser.args(input.as_bytes()).len(), count);
    assert_eq!(parser.parse(b"PING\r\n"), Ok(Parsed::Complete(6)));
    assert!(parser.ranges.capacity() <= ARGS_KEPT);
}
