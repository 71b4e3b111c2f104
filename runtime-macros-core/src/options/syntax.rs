//! The two shapes of an option: `name = literal` and `name(list)`.
//!
//! Each function here takes `how`, the text that says how the option is written. It becomes the
//! message wherever the shape is wrong, so that every such error shows the right form.

use proc_macro2::Ident;
use syn::parse::{ParseBuffer, ParseStream};
use syn::{Error, Lit, Result, Token, parenthesized, token};

/// Reads `= literal`.
pub(super) fn literal(name: &Ident, input: ParseStream<'_>, how: &str) -> Result<Lit> {
    if !input.peek(Token![=]) {
        return Err(Error::new(name.span(), how));
    }
    input.parse::<Token![=]>()?;
    input.parse().map_err(|fault| Error::new(fault.span(), how))
}

/// Reads `(item, item)`, at least one item.
pub(super) fn list<T>(
    name: &Ident,
    input: ParseStream<'_>,
    how: &str,
    item: impl Fn(ParseStream<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let inside = parentheses(name, input, how)?;
    let mut items = Vec::new();
    while !inside.is_empty() {
        items.push(item(&inside).map_err(|fault| Error::new(fault.span(), how))?);
        comma(&inside)?;
    }
    if items.is_empty() { Err(Error::new(name.span(), how)) } else { Ok(items) }
}

/// Reads the comma between two items; the last one may go without.
pub(super) fn comma(input: ParseStream<'_>) -> Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    let text = "put a comma between two options or items, as in `worker_threads = 2, require(net)`";
    let comma = input.parse::<Token![,]>();
    comma.map(drop).map_err(|fault| Error::new(fault.span(), text))
}

fn parentheses<'a>(name: &Ident, input: ParseStream<'a>, how: &str) -> Result<ParseBuffer<'a>> {
    if !input.peek(token::Paren) {
        return Err(Error::new(name.span(), how));
    }
    let inside;
    parenthesized!(inside in input);
    Ok(inside)
}
