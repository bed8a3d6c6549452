//! Random choices read from a tape of bytes, so that shrinking the tape shrinks what was built from it.

/// Reads choices from a tape. At its end every choice is the first and every chance is missed: builders put what is
/// simplest first.
pub struct Dice<'a> {
    tape: &'a [u8],
    at: usize,
}

impl<'a> Dice<'a> {
    pub fn new(tape: &'a [u8]) -> Dice<'a> {
        Dice { tape, at: 0 }
    }

    fn byte(&mut self) -> usize {
        let byte = self.tape.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        usize::from(byte)
    }

    /// A number below `n`, which is at most 256; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.byte() * n / 256
    }

    /// True in so many cases of a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.byte() * 100 >= (100 - percent) * 256
    }

    pub fn pick<'b, T>(&mut self, items: &'b [T]) -> &'b T {
        &items[self.below(items.len())]
    }
}
