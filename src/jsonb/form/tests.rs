//! The bytes are those that `utils/jsonb.h` and `numeric.c` describe. The suite `diff` compares whole documents with
//! what PostgreSQL makes of their text.

use super::*;
use serde_json::json;
use std::collections::BTreeMap;

/// Four bytes each, without the room in front.
fn words(bytes: &[u8]) -> Vec<u32> {
    bytes[ROOM..].chunks(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap())).collect()
}

/// The numeric in a list of one number: its header and its digits.
fn numeric(number: i64) -> Vec<u16> {
    let bytes = written(&[number]).unwrap();
    bytes[ROOM + 12..].chunks(2).map(|half| u16::from_ne_bytes(half.try_into().unwrap())).collect()
}

#[test]
fn numbers_have_digits_to_the_base_of_ten_thousand() {
    for (number, form) in [
        (0, vec![0x8000]),
        (1, vec![0x8000, 1]),
        (-9_999, vec![0xA000, 9_999]),
        (10_000, vec![0x8001, 1]),
        (10_001, vec![0x8001, 1, 1]),
        (500_000_000, vec![0x8002, 5]),
        (12_000_345_600_000, vec![0x8003, 12, 3, 4_560]),
        (i64::MIN, vec![0xA004, 922, 3_372, 368, 5_477, 5_808]),
    ] {
        assert_eq!(numeric(number), form, "{number}");
    }
}

#[test]
fn keys_are_in_order_of_length_then_of_bytes() {
    let bytes = written(&BTreeMap::from([("b", None), ("aa", Some(true)), ("a", Some(false))])).unwrap();
    let entries = [STRING | HAS_END | 1, STRING | 1, STRING | 2, FALSE, NULL, TRUE];
    assert_eq!(words(&bytes[..bytes.len() - 4])[..], [&[OBJECT | 3][..], &entries].concat());
    assert_eq!(&bytes[bytes.len() - 4..], b"abaa");
}

#[test]
fn every_thirty_second_entry_holds_an_end() {
    let bytes = written(&vec!["xyz"; 40]).unwrap();
    let words = words(&bytes);
    assert_eq!((words[1], words[2], words[33], words[34]), (HAS_END | 3, 3, HAS_END | 99, 3));
}

#[test]
fn what_is_filled_up_belongs_to_the_container_behind_it() {
    let bytes = written(&("x", [true; 0])).unwrap();
    assert_eq!(words(&bytes)[..3], [ARRAY | 2, HAS_END | 1, CONTAINER | 7]);
    assert_eq!(bytes.len(), ROOM + 12 + 8);
}

#[test]
fn the_rest_goes_over_text() {
    let raw: &serde_json::value::RawValue = serde_json::from_str("{}").unwrap();
    assert!(written(&[raw]).is_none(), "raw JSON");
    assert!(written(&json!([1.5])).is_none(), "a fraction");
    assert!(written("text").is_none() && written(&1).is_none(), "no container");
    assert!(written(&["a\0"]).is_none(), "U+0000");
    assert!(written(&[1.5]).is_none(), "a fraction");
    assert!(written(&Twice("a")).is_none(), "a key twice");
}

/// An object with a key twice.
struct Twice(&'static str);

impl Serialize for Twice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.0, 1), (self.0, 2)])
    }
}
