//! What a backend keeps between calls: compiled graphs, the pairs of plans, and acts. It is bounded in bytes; what
//! was used longest ago goes first.
//!
//! A published version never changes and neither does a plan, nor the acts at one revision, so nothing is ever out of
//! date, with one exception: what a transaction made and then rolled back. So whatever was kept since a
//! (sub)transaction began is dropped when one aborts. Drafts change and are not kept. No row ids, no oids: only
//! values that a key names for ever.

use clru::{CLruCache, WeightScale};
use pgrx::callbacks::{PgSubXactCallbackEvent, PgXactCallbackEvent, register_subxact_callback, register_xact_callback};
use scenario_engine::acts::Acts;
use scenario_engine::graph::Graph;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::rc::Rc;

/// Names a version for ever. The digest tells a version apart from one of the same ids and number that was deleted
/// before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GraphKey {
    pub tenant_id: uuid::Uuid,
    pub scenario_id: uuid::Uuid,
    pub version: i32,
    pub digest: String,
}

/// Names a plan for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PlanKey {
    pub tenant_id: uuid::Uuid,
    pub plan_id: uuid::Uuid,
}

/// Names the acts of a scenario at one revision for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActsKey {
    pub tenant_id: uuid::Uuid,
    pub scenario_id: uuid::Uuid,
    /// When the scenario was made, in microseconds: another one can get the id of one that was deleted.
    pub made_at: i64,
    pub revision: i32,
}

/// Pairs of a plan's steps: (old step id, new step id).
pub type Pairs = Rc<Vec<(String, String)>>;

const MAX_GRAPH_BYTES: NonZeroUsize = NonZeroUsize::new(64 << 20).unwrap();
const MAX_PAIR_BYTES: NonZeroUsize = NonZeroUsize::new(16 << 20).unwrap();
const MAX_ACT_BYTES: NonZeroUsize = NonZeroUsize::new(16 << 20).unwrap();

thread_local! {
    static GRAPHS: RefCell<BoundedCache<GraphKey, Rc<Graph>>> = RefCell::new(BoundedCache::new(MAX_GRAPH_BYTES));
    static PAIRS: RefCell<BoundedCache<PlanKey, Pairs>> = RefCell::new(BoundedCache::new(MAX_PAIR_BYTES));
    static ACTS: RefCell<BoundedCache<ActsKey, Rc<Acts>>> = RefCell::new(BoundedCache::new(MAX_ACT_BYTES));
    /// Whether this transaction has kept something, and so has a callback registered.
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// The graph of a version that is not a draft: kept, or made by `make` and then kept.
pub fn graph<E>(key: GraphKey, make: impl FnOnce() -> Result<Graph, E>) -> Result<Rc<Graph>, E> {
    if let Some(graph) = GRAPHS.with_borrow_mut(|kept| kept.get(&key)) {
        return Ok(graph);
    }
    let graph = Rc::new(make()?);
    watch_for_abort();
    GRAPHS.with_borrow_mut(|kept| kept.put(key, Rc::clone(&graph), graph.weight()));
    Ok(graph)
}

/// The pairs of a plan: kept, or read by `make` and then kept.
pub fn pairs<E>(key: PlanKey, make: impl FnOnce() -> Result<Vec<(String, String)>, E>) -> Result<Pairs, E> {
    if let Some(pairs) = PAIRS.with_borrow_mut(|kept| kept.get(&key)) {
        return Ok(pairs);
    }
    let pairs = Rc::new(make()?);
    let weight = pairs.iter().map(|(old, new)| 64 + old.len() + new.len()).sum();
    watch_for_abort();
    PAIRS.with_borrow_mut(|kept| kept.put(key, Rc::clone(&pairs), weight));
    Ok(pairs)
}

/// The acts of a scenario at a revision, if they are kept.
pub fn acts(key: &ActsKey) -> Option<Rc<Acts>> {
    ACTS.with_borrow_mut(|kept| kept.get(key))
}

/// Keeps the acts of a scenario at a revision.
pub fn keep_acts(key: ActsKey, acts: Acts) -> Rc<Acts> {
    let acts = Rc::new(acts);
    let weight = acts.rows().map(|row| {
        let fields: usize = row.collects.iter().map(|field| 24 + field.len()).sum();
        let texts = [&row.content_hash, &row.act, &row.name, &row.description, &row.last_step_id];
        256 + fields + texts.iter().map(|text| text.len()).sum::<usize>()
    });
    let weight = weight.sum();
    watch_for_abort();
    ACTS.with_borrow_mut(|kept| kept.put(key, Rc::clone(&acts), weight));
    acts
}

/// Drops, when this transaction or a part of it aborts, what it had put here.
fn watch_for_abort() {
    if WATCHING.replace(true) {
        return;
    }
    register_xact_callback(PgXactCallbackEvent::Abort, || {
        drop_uncommitted();
        end_of_transaction();
    });
    register_xact_callback(PgXactCallbackEvent::Commit, end_of_transaction);
    // Somebody else will say how a prepared transaction ends.
    register_xact_callback(PgXactCallbackEvent::Prepare, || {
        drop_uncommitted();
        end_of_transaction();
    });
    register_subxact_callback(PgSubXactCallbackEvent::AbortSub, |_, _| drop_uncommitted());
}

fn drop_uncommitted() {
    GRAPHS.with_borrow_mut(BoundedCache::drop_uncommitted);
    PAIRS.with_borrow_mut(BoundedCache::drop_uncommitted);
    ACTS.with_borrow_mut(BoundedCache::drop_uncommitted);
}

fn end_of_transaction() {
    GRAPHS.with_borrow_mut(BoundedCache::commit);
    PAIRS.with_borrow_mut(BoundedCache::commit);
    ACTS.with_borrow_mut(BoundedCache::commit);
    WATCHING.set(false);
}

/// A least-recently-used cache that is bounded in bytes, and that can forget what was kept since a transaction began.
struct BoundedCache<K, V> {
    entries: CLruCache<K, Weighed<V>, RandomState, ByWeight>,
    /// Keys of what a transaction has kept that has not ended yet. A key whose entry was displaced meanwhile may be
    /// among them.
    uncommitted: HashSet<K>,
}

struct Weighed<V> {
    value: V,
    bytes: usize,
}

struct ByWeight;

impl<K, V> WeightScale<K, Weighed<V>> for ByWeight {
    fn weight(&self, _: &K, entry: &Weighed<V>) -> usize {
        entry.bytes
    }
}

impl<K: Eq + Hash + Clone, V: Clone> BoundedCache<K, V> {
    fn new(max_bytes: NonZeroUsize) -> Self {
        BoundedCache { entries: CLruCache::with_scale(max_bytes, ByWeight), uncommitted: HashSet::new() }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        self.entries.get(key).map(|entry| entry.value.clone())
    }

    /// Keeps a value, and forgets those that were used longest ago until there is room. One that is larger than the
    /// whole cache is not kept.
    fn put(&mut self, key: K, value: V, bytes: usize) {
        if self.entries.put_with_weight(key.clone(), Weighed { value, bytes }).is_ok() {
            self.uncommitted.insert(key);
        }
    }

    /// Forgets what an aborted transaction, or a part of it, may have kept.
    fn drop_uncommitted(&mut self) {
        for key in self.uncommitted.drain() {
            self.entries.pop(&key);
        }
    }

    /// The transaction has ended well: what it has kept holds for ever.
    fn commit(&mut self) {
        self.uncommitted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: NonZeroUsize = NonZeroUsize::new(12).unwrap();

    #[test]
    fn it_forgets_what_was_used_longest_ago() {
        let mut kept = BoundedCache::new(BYTES);
        kept.put("a", 1, 4);
        kept.put("b", 2, 4);
        assert_eq!(kept.get(&"a"), Some(1));
        kept.put("c", 3, 4);
        assert_eq!((kept.get(&"a"), kept.get(&"b"), kept.get(&"c")), (Some(1), None, Some(3)));
        assert_eq!(kept.entries.weight(), 8);
    }

    #[test]
    fn what_is_larger_than_the_bound_is_not_kept() {
        let mut kept = BoundedCache::new(BYTES);
        kept.put("a", 1, 4);
        kept.put("b", 2, 13);
        assert_eq!((kept.get(&"a"), kept.get(&"b")), (Some(1), None));
    }

    #[test]
    fn an_abort_drops_what_its_transaction_put_here() {
        let mut kept = BoundedCache::new(BYTES);
        kept.put("a", 1, 4);
        kept.commit();
        kept.put("b", 2, 4);
        kept.drop_uncommitted();
        assert_eq!((kept.get(&"a"), kept.get(&"b"), kept.entries.weight()), (Some(1), None, 4));
    }

    #[test]
    fn what_is_kept_again_belongs_to_the_later_transaction() {
        let mut kept = BoundedCache::new(BYTES);
        kept.put("a", 1, 4);
        kept.commit();
        kept.put("a", 2, 4);
        kept.drop_uncommitted();
        assert_eq!(kept.get(&"a"), None);
    }
}
