//! The stored form of jsonb, as a serializer.
//!
//! A container is a header (the number of its members, and whether it is an array or an object), one entry for each
//! member (its kind, and its length or, at every 32nd, its end), and then the members. An object has the entries of its
//! keys first, then those of its values, and its keys are in order of length, then of bytes. Containers and numbers
//! begin at a multiple of four bytes; what is filled up for that counts as theirs.

use serde::Serialize;
use serde::ser::{self, Impossible, Serializer};
use std::fmt::Display;

const STRING: u32 = 0x0000_0000;
const NUMERIC: u32 = 0x1000_0000;
const FALSE: u32 = 0x2000_0000;
const TRUE: u32 = 0x3000_0000;
const NULL: u32 = 0x4000_0000;
const CONTAINER: u32 = 0x5000_0000;
/// The entry holds where its member ends, not how long it is.
const HAS_END: u32 = 0x8000_0000;
/// The bits of an entry that hold a length or an end.
const LENGTH: usize = 0x0FFF_FFFF;
/// Every so many entries, one holds an end.
const STRIDE: usize = 32;

const ARRAY: u32 = 0x4000_0000;
const OBJECT: u32 = 0x2000_0000;

/// Room for the length in front of a datum.
const ROOM: usize = 4;

/// The stored form of a list or an object, behind room for its length. `None`: it is neither, or it holds what is not
/// written here: fractions, numbers beyond 64 bits, U+0000, a key twice, or more than a jsonb can hold.
pub(super) fn written<T: Serialize + ?Sized>(value: &T) -> Option<Vec<u8>> {
    let mut writer = Writer::new();
    let kind = value.serialize(&mut writer).ok()?;
    (kind == CONTAINER && writer.out.len() <= LENGTH).then_some(writer.out)
}

/// Why a value is not written in this form.
#[derive(Debug)]
struct NotHere;

impl Display for NotHere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this value is not written in the stored form")
    }
}

impl std::error::Error for NotHere {}

impl ser::Error for NotHere {
    fn custom<T: Display>(_: T) -> NotHere {
        NotHere
    }
}

/// Writes a value at the end of `out` and gives its kind.
struct Writer {
    out: Vec<u8>,
    /// The keys of the objects that are open.
    keys: Vec<u8>,
    /// The members of the objects that are open.
    members: Vec<Member>,
    /// Where an object is put in order.
    ordered: Vec<u8>,
}

/// A member of an object: places in `keys` and `out`.
#[derive(Clone, Copy)]
struct Member {
    key: (usize, usize),
    value: (usize, usize),
    kind: u32,
}

/// The entries of one container while they are written, in order.
struct Entries {
    /// The number of the next one.
    next: usize,
    /// Where the first one is.
    place: usize,
    /// Where the last member ends, from the end of the entries on.
    end: usize,
}

impl Entries {
    /// Leaves room for the entries of a container at the end of `out`.
    fn make(out: &mut Vec<u8>, number: usize) -> Entries {
        let place = out.len();
        out.resize(place + 4 * number, 0);
        Entries { next: 0, place, end: 0 }
    }

    fn write(&mut self, out: &mut [u8], kind: u32, length: usize) {
        self.end += length;
        let entry = match self.next % STRIDE {
            0 => kind | HAS_END | (self.end & LENGTH) as u32,
            _ => kind | (length & LENGTH) as u32,
        };
        let at = self.place + 4 * self.next;
        out[at..at + 4].copy_from_slice(&entry.to_ne_bytes());
        self.next += 1;
    }
}

fn align(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

impl Writer {
    fn new() -> Writer {
        // Most values are small: what they take is asked for at once.
        let mut out = Vec::with_capacity(512);
        out.resize(ROOM, 0);
        let (keys, members) = (Vec::with_capacity(256), Vec::with_capacity(16));
        Writer { out, keys, members, ordered: Vec::with_capacity(512) }
    }

    fn string(&mut self, text: &str) -> Result<u32, NotHere> {
        if text.as_bytes().contains(&0) {
            return Err(NotHere);
        }
        self.out.extend_from_slice(text.as_bytes());
        Ok(STRING)
    }

    /// A numeric: digits to the base of ten thousand without the zeros at the end, behind its length and a short header
    /// with the sign and the power of the first digit.
    fn integer(&mut self, negative: bool, mut rest: u64) -> u32 {
        const SHORT: u16 = 0x8000;
        const NEGATIVE: u16 = 0x2000;
        let mut digits = [0_u16; 5];
        let (mut first, mut last) = (digits.len(), digits.len());
        let mut powers = 0_u16;
        while rest > 0 {
            let digit = (rest % 10_000) as u16;
            rest /= 10_000;
            first -= 1;
            digits[first] = digit;
            if digit == 0 && last == first + 1 {
                last = first;
            }
            powers += 1;
        }
        let header = SHORT | if negative { NEGATIVE } else { 0 } | powers.saturating_sub(1);
        align(&mut self.out);
        let length = 4 + 2 + 2 * (last - first) as u32;
        let length = if cfg!(target_endian = "little") { length << 2 } else { length };
        self.out.extend_from_slice(&length.to_ne_bytes());
        self.out.extend_from_slice(&header.to_ne_bytes());
        for digit in &digits[first..last] {
            self.out.extend_from_slice(&digit.to_ne_bytes());
        }
        NUMERIC
    }

    /// Begins an object; its values follow in the order in which they come.
    fn object(&mut self) -> Object<'_> {
        Object { start: self.out.len(), first_key: self.keys.len(), first_member: self.members.len(), writer: self }
    }

    fn array(&mut self, number: Option<usize>) -> Result<Array<'_>, NotHere> {
        let number = number.filter(|number| *number <= LENGTH / 4).ok_or(NotHere)?;
        align(&mut self.out);
        self.out.extend_from_slice(&(ARRAY | number as u32).to_ne_bytes());
        let entries = Entries::make(&mut self.out, number);
        Ok(Array { number, entries, writer: self })
    }
}

struct Array<'a> {
    writer: &'a mut Writer,
    number: usize,
    entries: Entries,
}

impl Array<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotHere> {
        if self.entries.next == self.number {
            return Err(NotHere);
        }
        let start = self.writer.out.len();
        let kind = value.serialize(&mut *self.writer)?;
        let length = self.writer.out.len() - start;
        self.entries.write(&mut self.writer.out, kind, length);
        Ok(())
    }

    fn finish(self) -> Result<u32, NotHere> {
        if self.entries.next < self.number || self.entries.end > LENGTH { Err(NotHere) } else { Ok(CONTAINER) }
    }
}

struct Object<'a> {
    writer: &'a mut Writer,
    start: usize,
    first_key: usize,
    first_member: usize,
}

impl Object<'_> {
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotHere> {
        let start = self.writer.out.len();
        if key.serialize(&mut *self.writer)? != STRING {
            return Err(NotHere);
        }
        let from = self.writer.keys.len();
        self.writer.keys.extend_from_slice(&self.writer.out[start..]);
        self.writer.out.truncate(start);
        self.member(from);
        Ok(())
    }

    /// The name of a field: text without U+0000.
    fn field(&mut self, key: &'static str) {
        let from = self.writer.keys.len();
        self.writer.keys.extend_from_slice(key.as_bytes());
        self.member(from);
    }

    /// A member whose key begins there and whose value comes next.
    fn member(&mut self, key: usize) {
        let key = (key, self.writer.keys.len());
        self.writer.members.push(Member { key, value: (0, 0), kind: NULL });
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotHere> {
        let at = self.writer.members.len();
        let start = self.writer.out.len();
        let kind = value.serialize(&mut *self.writer)?;
        let end = self.writer.out.len();
        let member = at.checked_sub(1).and_then(|last| self.writer.members.get_mut(last)).ok_or(NotHere)?;
        // What was filled up belongs to this place, not to the one where the value goes.
        let start = if matches!(kind, CONTAINER | NUMERIC) { start.next_multiple_of(4) } else { start };
        (member.value, member.kind) = ((start, end), kind);
        Ok(())
    }

    fn finish(self) -> Result<u32, NotHere> {
        let Object { writer: Writer { out, keys, members, ordered }, start, first_key, first_member } = self;
        let text = |member: &Member| &keys[member.key.0..member.key.1];
        let own = &mut members[first_member..];
        own.sort_unstable_by(|a, b| (text(a).len(), text(a)).cmp(&(text(b).len(), text(b))));
        if own.windows(2).any(|two| text(&two[0]) == text(&two[1])) {
            return Err(NotHere);
        }
        // The container begins at a multiple of four in both places.
        ordered.clear();
        ordered.extend_from_slice(&(OBJECT | own.len() as u32).to_ne_bytes());
        let mut entries = Entries::make(ordered, 2 * own.len());
        for member in own.iter() {
            ordered.extend_from_slice(text(member));
            entries.write(ordered, STRING, text(member).len());
        }
        for member in own.iter() {
            let before = ordered.len();
            if matches!(member.kind, CONTAINER | NUMERIC) {
                align(ordered);
            }
            ordered.extend_from_slice(&out[member.value.0..member.value.1]);
            let length = ordered.len() - before;
            entries.write(ordered, member.kind, length);
        }
        let (end, is_too_large) = (entries.end, own.len() > LENGTH / 8);
        out.truncate(start);
        align(out);
        out.extend_from_slice(ordered);
        keys.truncate(first_key);
        members.truncate(first_member);
        if end > LENGTH || is_too_large { Err(NotHere) } else { Ok(CONTAINER) }
    }
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = u32;
    type Error = NotHere;
    type SerializeSeq = Array<'a>;
    type SerializeTuple = Array<'a>;
    type SerializeTupleStruct = Array<'a>;
    type SerializeTupleVariant = Impossible<u32, NotHere>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Impossible<u32, NotHere>;

    fn serialize_bool(self, value: bool) -> Result<u32, NotHere> {
        Ok(if value { TRUE } else { FALSE })
    }

    fn serialize_i8(self, value: i8) -> Result<u32, NotHere> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<u32, NotHere> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<u32, NotHere> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<u32, NotHere> {
        Ok(self.integer(value < 0, value.unsigned_abs()))
    }

    fn serialize_u8(self, value: u8) -> Result<u32, NotHere> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<u32, NotHere> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<u32, NotHere> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<u32, NotHere> {
        Ok(self.integer(false, value))
    }

    fn serialize_f32(self, _: f32) -> Result<u32, NotHere> {
        Err(NotHere)
    }

    fn serialize_f64(self, _: f64) -> Result<u32, NotHere> {
        Err(NotHere)
    }

    fn serialize_char(self, value: char) -> Result<u32, NotHere> {
        self.string(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<u32, NotHere> {
        self.string(value)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<u32, NotHere> {
        Err(NotHere)
    }

    fn serialize_none(self) -> Result<u32, NotHere> {
        Ok(NULL)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<u32, NotHere> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<u32, NotHere> {
        Ok(NULL)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<u32, NotHere> {
        Ok(NULL)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<u32, NotHere> {
        self.string(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<u32, NotHere> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<u32, NotHere> {
        let mut object = self.object();
        object.field(variant);
        object.value(value)?;
        object.finish()
    }

    fn serialize_seq(self, number: Option<usize>) -> Result<Array<'a>, NotHere> {
        self.array(number)
    }

    fn serialize_tuple(self, number: usize) -> Result<Array<'a>, NotHere> {
        self.array(Some(number))
    }

    fn serialize_tuple_struct(self, _: &'static str, number: usize) -> Result<Array<'a>, NotHere> {
        self.array(Some(number))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<u32, NotHere>, NotHere> {
        Err(NotHere)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, NotHere> {
        Ok(self.object())
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Object<'a>, NotHere> {
        // JSON text that serde_json would hand on as it is: raw values, and numbers of any length.
        if name.starts_with("$serde_json::private") {
            return Err(NotHere);
        }
        Ok(self.object())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<u32, NotHere>, NotHere> {
        Err(NotHere)
    }
}

macro_rules! serialize_list {
    ($($interface:ident: $method:ident),*) => { $(
        impl ser::$interface for Array<'_> {
            type Ok = u32;
            type Error = NotHere;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotHere> {
                self.add(value)
            }

            fn end(self) -> Result<u32, NotHere> {
                self.finish()
            }
        }
    )* };
}

serialize_list! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field
}

impl ser::SerializeMap for Object<'_> {
    type Ok = u32;
    type Error = NotHere;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotHere> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotHere> {
        self.value(value)
    }

    fn end(self) -> Result<u32, NotHere> {
        self.finish()
    }
}

impl ser::SerializeStruct for Object<'_> {
    type Ok = u32;
    type Error = NotHere;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), NotHere> {
        self.field(key);
        self.value(value)
    }

    fn end(self) -> Result<u32, NotHere> {
        self.finish()
    }
}

#[cfg(test)]
mod tests;
