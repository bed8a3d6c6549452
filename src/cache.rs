//! What a backend keeps between calls: compiled graphs, the pairs of plans, and acts. Bounded in bytes, least
//! recently used first.
//!
//! A published version never changes and neither does a plan, nor the acts at one revision, so nothing is ever out of
//! date, with one exception: what a transaction made and then rolled back. So whatever was kept since a
//! (sub)transaction began is dropped when one aborts. Drafts change and are not kept. No row ids, no oids: only
//! values that a key names for ever.

use pgrx::callbacks::{PgSubXactCallbackEvent, PgXactCallbackEvent, register_subxact_callback, register_xact_callback};
use scenario_engine::acts::Acts;
use scenario_engine::graph::Graph;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::Hash;
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

const MAX_GRAPH_BYTES: usize = 64 << 20;
const MAX_PAIR_BYTES: usize = 16 << 20;
const MAX_ACT_BYTES: usize = 16 << 20;

thread_local! {
    static GRAPHS: RefCell<Bounded<GraphKey, Rc<Graph>>> = RefCell::new(Bounded::new(MAX_GRAPH_BYTES));
    static PAIRS: RefCell<Bounded<PlanKey, Pairs>> = RefCell::new(Bounded::new(MAX_PAIR_BYTES));
    static ACTS: RefCell<Bounded<ActsKey, Rc<Acts>>> = RefCell::new(Bounded::new(MAX_ACT_BYTES));
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
        drop_unproven();
        end_of_transaction();
    });
    register_xact_callback(PgXactCallbackEvent::Commit, end_of_transaction);
    // Somebody else will say how a prepared transaction ends.
    register_xact_callback(PgXactCallbackEvent::Prepare, || {
        drop_unproven();
        end_of_transaction();
    });
    register_subxact_callback(PgSubXactCallbackEvent::AbortSub, |_, _| drop_unproven());
}

fn drop_unproven() {
    GRAPHS.with_borrow_mut(Bounded::drop_unproven);
    PAIRS.with_borrow_mut(Bounded::drop_unproven);
    ACTS.with_borrow_mut(Bounded::drop_unproven);
}

fn end_of_transaction() {
    GRAPHS.with_borrow_mut(Bounded::prove);
    PAIRS.with_borrow_mut(Bounded::prove);
    ACTS.with_borrow_mut(Bounded::prove);
    WATCHING.set(false);
}

/// A map that forgets what was used longest ago once it weighs too much.
struct Bounded<K, V> {
    entries: HashMap<K, Entry<V>>,
    bytes: usize,
    limit: usize,
    clock: u64,
}

struct Entry<V> {
    value: V,
    weight: usize,
    last_used: u64,
    /// Put here by a transaction that has not ended yet.
    unproven: bool,
}

impl<K: Eq + Hash + Clone, V: Clone> Bounded<K, V> {
    fn new(limit: usize) -> Self {
        Bounded { entries: HashMap::new(), bytes: 0, limit, clock: 0 }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        entry.last_used = self.clock;
        Some(entry.value.clone())
    }

    fn put(&mut self, key: K, value: V, weight: usize) {
        if weight > self.limit {
            return;
        }
        self.remove(&key);
        while self.bytes + weight > self.limit {
            // Few entries are kept and this happens seldom: no list in order of use is worth its upkeep.
            let Some(oldest) = self.entries.iter().min_by_key(|(_, e)| e.last_used).map(|(k, _)| k.clone()) else {
                break;
            };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.bytes += weight;
        self.entries.insert(key, Entry { value, weight, last_used: self.clock, unproven: true });
    }

    fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.weight;
        }
    }

    fn drop_unproven(&mut self) {
        self.entries.retain(|_, entry| !entry.unproven);
        self.bytes = self.entries.values().map(|entry| entry.weight).sum();
    }

    fn prove(&mut self) {
        for entry in self.entries.values_mut() {
            entry.unproven = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_what_was_used_longest_ago() {
        let mut kept = Bounded::new(10);
        kept.put("a", 1, 4);
        kept.put("b", 2, 4);
        assert_eq!(kept.get(&"a"), Some(1));
        kept.put("c", 3, 4);
        assert_eq!((kept.get(&"a"), kept.get(&"b"), kept.get(&"c")), (Some(1), None, Some(3)));
        assert_eq!(kept.bytes, 8);
    }

    #[test]
    fn what_is_larger_than_the_bound_is_not_kept() {
        let mut kept = Bounded::new(10);
        kept.put("a", 1, 4);
        kept.put("b", 2, 11);
        assert_eq!((kept.get(&"a"), kept.get(&"b")), (Some(1), None));
    }

    #[test]
    fn an_abort_drops_what_its_transaction_put_here() {
        let mut kept = Bounded::new(10);
        kept.put("a", 1, 4);
        kept.prove();
        kept.put("b", 2, 4);
        kept.drop_unproven();
        assert_eq!((kept.get(&"a"), kept.get(&"b"), kept.bytes), (Some(1), None, 4));
    }
}
