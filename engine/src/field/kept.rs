//! The compiled schemas and patterns that a thread keeps.

use std::rc::Rc;

/// How many compiled schemas are kept, and how many compiled patterns.
pub(super) const MAX_KEPT: usize = 64;

pub(super) type Compiled<T> = Result<Rc<T>, Rc<String>>;

/// The last few compiled, by their text, the most recently used one last. Failures are kept too.
pub(super) struct Kept<T>(Vec<(Box<str>, Compiled<T>)>);

impl<T> Kept<T> {
    pub(super) const fn new() -> Self {
        Kept(Vec::new())
    }

    pub(super) fn get(&mut self, text: &str, compile: impl FnOnce(&str) -> Result<T, String>) -> Compiled<T> {
        let entry = match self.0.iter().rposition(|(known, _)| **known == *text) {
            Some(position) => self.0.remove(position),
            None => {
                if self.0.len() >= MAX_KEPT {
                    drop(self.0.remove(0));
                }
                (Box::from(text), compile(text).map(Rc::new).map_err(Rc::new))
            }
        };
        let compiled = entry.1.clone();
        self.0.push(entry);
        compiled
    }
}
