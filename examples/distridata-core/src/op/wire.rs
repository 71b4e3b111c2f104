//! Numbers and byte strings of variable length.
//!
//! Seven bits of a number to the byte, the lowest first; the eighth bit says that more follow. A
//! number has one form only: no zeros at its end, and nothing beyond 64 bits.

use super::Malformed;

pub(super) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub(super) fn take_tag(input: &mut &[u8]) -> Result<u8, Malformed> {
    let (&tag, rest) = input.split_first().ok_or(Malformed)?;
    *input = rest;
    Ok(tag)
}

pub(super) fn take_number(input: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_tag(input)?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err(Malformed);
        }
        number |= bits << shift;
        if byte < 0x80 {
            let is_shortest = byte != 0 || shift == 0;
            return if is_shortest { Ok(number) } else { Err(Malformed) };
        }
    }
    Err(Malformed)
}

pub(super) fn take_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let length = take_number(input)?;
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let (bytes, rest) = input.split_at_checked(length).ok_or(Malformed)?;
    *input = rest;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let edges = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, u64::MAX >> bit]);
        for number in edges {
            let mut out = Vec::new();
            put_number(number, &mut out);
            assert_eq!(take_number(&mut &out[..]), Ok(number));
        }
    }

    #[test]
    fn numbers_beyond_64_bits_or_longer_than_needed_are_malformed() {
        let mut too_big = [0xff; 10];
        too_big[9] = 2;
        assert_eq!(take_number(&mut &too_big[..]), Err(Malformed));
        assert_eq!(take_number(&mut &[0xff; 11][..]), Err(Malformed));
        assert_eq!(take_number(&mut &[0x80, 0][..]), Err(Malformed));
    }
}
