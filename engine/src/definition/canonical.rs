//! Canonical JSON ("Content hash" in docs/behaviour.md): byte for byte what Python's `json.dumps(obj, sort_keys=True)`
//! writes, so that a backend computes the same hash in one line. Written by hand, not through serde, because the bytes
//! are a contract that no library's formatter promises to keep.

use std::fmt::Write;

/// Appends `text` as a JSON string in ASCII: short escapes where JSON has them, everything else outside `' '..='~'` as
/// `\uXXXX` in lower-case hex, above U+FFFF as a surrogate pair.
pub(super) fn string(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// Appends `items` as a JSON array, each written by `write`.
pub(super) fn array<T>(out: &mut String, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    out.push('[');
    for (position, item) in items.into_iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        write(out, item);
    }
    out.push(']');
}

/// Appends `"key": `, with a comma before it unless it is the first key of its object. Keys must come in sorted order.
pub(super) fn key(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push_str(", ");
    }
    string(out, name);
    out.push_str(": ");
}

/// Appends `true` or `false`.
pub(super) fn boolean(out: &mut String, value: bool) {
    out.push_str(if value { "true" } else { "false" });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dumped(text: &str) -> String {
        let mut out = String::new();
        string(&mut out, text);
        out
    }

    #[test]
    fn strings_are_escaped_as_python_escapes_them() {
        assert_eq!(dumped("a\"b\\c/d"), r#""a\"b\\c/d""#);
        assert_eq!(dumped("\n\r\t\u{8}\u{c}"), r#""\n\r\t\b\f""#);
        assert_eq!(dumped("\0\u{b}\u{1f} ~\u{7f}\u{80}"), r#""\u0000\u000b\u001f ~\u007f\u0080""#);
        assert_eq!(dumped("Café 😀"), r#""Caf\u00e9 \ud83d\ude00""#);
        assert_eq!(dumped("\u{ffff}\u{10000}\u{10ffff}"), r#""\uffff\ud800\udc00\udbff\udfff""#);
    }

    #[test]
    fn a_brace_at_the_end_of_a_text_does_not_look_like_the_start_of_an_object() {
        // `key` looks at the last character: a string always ends in a quote, so a text that ends in a brace is safe.
        let mut out = String::from("{");
        key(&mut out, "a");
        string(&mut out, "{");
        key(&mut out, "b");
        boolean(&mut out, true);
        out.push('}');
        assert_eq!(out, r#"{"a": "{", "b": true}"#);
    }

    #[test]
    fn arrays_are_separated_as_python_separates_them() {
        let mut out = String::new();
        array(&mut out, ["a", "b"], string);
        array(&mut out, [""; 0], string);
        assert_eq!(out, r#"["a", "b"][]"#);
    }
}
