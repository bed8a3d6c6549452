//! The compiled schemas and patterns that a thread keeps.

use clru::CLruCache;
use std::num::NonZeroUsize;
use std::rc::Rc;

/// How many compiled schemas are kept, and how many compiled patterns.
pub(super) const MAX_KEPT: NonZeroUsize = NonZeroUsize::new(64).unwrap();

pub(super) type Compiled<T> = Result<Rc<T>, Rc<String>>;

/// What was compiled, by its text; the least recently used goes first. Failures are kept too.
pub(super) struct Kept<T>(CLruCache<Box<str>, Compiled<T>>);

impl<T> Kept<T> {
    pub(super) fn new() -> Self {
        Kept(CLruCache::new(MAX_KEPT))
    }

    pub(super) fn get(&mut self, text: &str, compile: impl FnOnce(&str) -> Result<T, String>) -> Compiled<T> {
        if let Some(compiled) = self.0.get(text) {
            return compiled.clone();
        }
        let compiled = compile(text).map(Rc::new).map_err(Rc::new);
        self.0.put(Box::from(text), compiled.clone());
        compiled
    }
}
