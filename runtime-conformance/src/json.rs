//! JSON, as far as reports need it: written in a stable order, read back to merge and compare.

use std::fmt::{self, Write};

/// A JSON value. Objects keep the order in which they were made.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// All numbers. Whole ones up to 2⁵³ are exact; seeds are therefore strings.
    Number(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// Names and values.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// An object.
    pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
        Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A list.
    pub fn list(values: impl IntoIterator<Item = impl Into<Value>>) -> Value {
        Value::List(values.into_iter().map(Into::into).collect())
    }

    /// The field of this name; `Null` if there is none.
    pub fn get(&self, name: &str) -> &Value {
        let Value::Object(fields) = self else { return &Value::Null };
        fields.iter().find(|(known, _)| known == name).map_or(&Value::Null, |(_, value)| value)
    }

    /// Its text; empty if it is none.
    pub fn text(&self) -> &str {
        if let Value::Text(text) = self { text } else { "" }
    }

    /// Its number; zero if it is none.
    pub fn number(&self) -> f64 {
        if let Value::Number(number) = self { *number } else { 0.0 }
    }

    /// What is in the list; nothing if it is none.
    pub fn items(&self) -> &[Value] {
        if let Value::List(items) = self { items } else { &[] }
    }

    /// Its fields; none if it is no object.
    pub fn fields(&self) -> &[(String, Value)] {
        if let Value::Object(fields) = self { fields } else { &[] }
    }

    /// On several lines: objects and lists of objects are broken, the rest is not.
    pub fn pretty(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, Some(0)).expect("a string takes everything");
        text.push('\n');
        text
    }

    /// Reads one value.
    ///
    /// # Errors
    ///
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Value, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        reader.space();
        if reader.at == text.len() { Ok(value) } else { Err(reader.wrong("the end")) }
    }

    fn write(&self, out: &mut String, indent: Option<usize>) -> fmt::Result {
        match self {
            Value::Null => out.write_str("null"),
            Value::Bool(yes) => write!(out, "{yes}"),
            Value::Number(number) => write!(out, "{number}"),
            Value::Text(text) => write_text(out, text),
            Value::List(items) => {
                let broken = indent.filter(|_| items.iter().any(Value::is_big));
                let items = items.iter().map(|item| (None, item));
                write_items(out, '[', items, ']', broken, indent)
            }
            Value::Object(fields) => {
                let broken = indent.filter(|_| fields.iter().any(|(_, value)| value.is_big()));
                let broken = broken.or(indent.filter(|_| fields.len() > 6));
                let fields = fields.iter().map(|(name, value)| (Some(name.as_str()), value));
                write_items(out, '{', fields, '}', broken, indent)
            }
        }
    }

    /// Whether it deserves lines of its own.
    fn is_big(&self) -> bool {
        match self {
            Value::Object(fields) => !fields.is_empty(),
            Value::List(items) => items.iter().any(Value::is_big) || items.len() > 8,
            _ => false,
        }
    }
}

fn write_items<'a>(
    out: &mut String,
    open: char,
    items: impl Iterator<Item = (Option<&'a str>, &'a Value)>,
    close: char,
    broken: Option<usize>,
    indent: Option<usize>,
) -> fmt::Result {
    out.write_char(open)?;
    for (index, (name, value)) in items.enumerate() {
        match (index, broken) {
            (0, None) => {}
            (_, None) => out.write_str(if indent.is_some() { ", " } else { "," })?,
            (0, Some(depth)) => write!(out, "\n{:width$}", "", width = 2 * (depth + 1))?,
            (_, Some(depth)) => write!(out, ",\n{:width$}", "", width = 2 * (depth + 1))?,
        }
        if let Some(name) = name {
            write_text(out, name)?;
            out.write_str(if indent.is_some() { ": " } else { ":" })?;
        }
        value.write(out, indent.map(|depth| depth + usize::from(broken.is_some())))?;
    }
    if let Some(depth) = broken {
        write!(out, "\n{:width$}", "", width = 2 * depth)?;
    }
    out.write_char(close)
}

fn write_text(out: &mut String, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            // `<` so that the text can stand inside a script element of a page.
            '<' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => write!(out, "\\u{:04x}", c as u32)?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

/// On one line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text, None)?;
        f.write_str(&text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Number(number as f64)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Value {
        Value::Number(number as f64)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Value {
        Value::Bool(yes)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        let trimmed = self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.at = self.text.len() - trimmed;
    }

    fn wrong(&self, expected: &str) -> String {
        let line = self.text[..self.at].matches('\n').count() + 1;
        format!("line {line}: expected {expected}")
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn value(&mut self) -> Result<Value, String> {
        self.space();
        match self.rest().bytes().next() {
            Some(b'{') => self.object(),
            Some(b'[') => self.list(),
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.eat("true") => Ok(Value::Bool(true)),
            _ if self.eat("false") => Ok(Value::Bool(false)),
            _ if self.eat("null") => Ok(Value::Null),
            _ => Err(self.wrong("a value")),
        }
    }

    fn object(&mut self) -> Result<Value, String> {
        let mut fields = Vec::new();
        self.eat("{");
        while !self.eat("}") {
            if !fields.is_empty() && !self.eat(",") {
                return Err(self.wrong("`,` or `}`"));
            }
            self.space();
            let name = self.string()?;
            if !self.eat(":") {
                return Err(self.wrong("`:`"));
            }
            fields.push((name, self.value()?));
        }
        Ok(Value::Object(fields))
    }

    fn list(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        self.eat("[");
        while !self.eat("]") {
            if !items.is_empty() && !self.eat(",") {
                return Err(self.wrong("`,` or `]`"));
            }
            items.push(self.value()?);
        }
        Ok(Value::List(items))
    }

    fn number(&mut self) -> Result<Value, String> {
        let end = self.rest().find(|c| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'));
        let digits = &self.rest()[..end.unwrap_or(self.rest().len())];
        let number = digits.parse().map_err(|_| self.wrong("a number"))?;
        self.at += digits.len();
        Ok(Value::Number(number))
    }

    fn string(&mut self) -> Result<String, String> {
        if !self.eat("\"") {
            return Err(self.wrong("a text in quotes"));
        }
        let mut text = String::new();
        loop {
            let mut chars = self.rest().chars();
            let c = chars.next().ok_or_else(|| self.wrong("`\"`"))?;
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let c = self.rest().chars().next().ok_or_else(|| self.wrong("an escape"))?;
        self.at += c.len_utf8();
        Ok(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let digits = self.rest().get(..4).ok_or_else(|| self.wrong("four digits"))?;
                let code = u32::from_str_radix(digits, 16).map_err(|_| self.wrong("digits"))?;
                self.at += 4;
                // Halves of a pair, which we never write, become the sign for "unknown".
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            c => c,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let value = Value::object([
            ("text", "a \"b\"\n\\ </script> \u{2028}\u{1}é".into()),
            ("list", Value::list([1_u64, 2])),
            ("deep", Value::List(vec![Value::object([("x", Value::Null)]), true.into()])),
            ("none", Value::List(Vec::new())),
            ("half", Value::Number(-0.5)),
        ]);
        assert_eq!(Value::parse(&value.to_string()), Ok(value.clone()));
        assert_eq!(Value::parse(&value.pretty()), Ok(value.clone()));
        assert!(!value.to_string().contains('\n'));
        assert!(!value.pretty().contains("</script"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for wrong in
            ["", "{", "[1", "[1 2]", "{\"a\" 1}", "\"a", "tru", "1 1", "{\n\n1}", "\"\\u12\""]
        {
            assert!(Value::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Value::parse("{\n\n1}").unwrap_err(), "line 3: expected a text in quotes");
    }

    #[test]
    fn a_field_that_is_not_there_is_null() {
        let value = Value::parse("{\"a\": {\"b\": 3}}").unwrap();
        assert_eq!(value.get("a").get("b").number(), 3.0);
        assert_eq!(value.get("c").get("d").text(), "");
    }
}
