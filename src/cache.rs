//! What a backend keeps between calls: versions with their steps and compiled graphs, plans with their rows and pairs,
//! and acts. It is bounded in bytes; what was used longest ago goes first.
//!
//! A published version never changes and neither does a plan, nor the acts at one revision, so nothing is ever out of
//! date, with one exception: what a transaction made and then rolled back. So whatever was kept since a
//! (sub)transaction began is dropped when one aborts. Of drafts, which change, only compiled graphs are kept, under
//! the digest of what they were compiled from. No row ids, no oids: only values that a key names for ever.

use clru::{CLruCache, WeightScale};
use pgrx::callbacks::{PgSubXactCallbackEvent, PgXactCallbackEvent, register_subxact_callback, register_xact_callback};
use scenario_engine::acts::Acts;
use scenario_engine::graph::Graph;
use scenario_engine::plan::PlanRef;
use scenario_engine::reconcile::{Decision, PlannedStep, Settings};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::rc::Rc;

/// Names a scenario for ever: another one can get the id of one that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScenarioKey {
    pub tenant_id: uuid::Uuid,
    pub scenario_id: uuid::Uuid,
    /// When it was made, in microseconds.
    pub made_at: i64,
}

/// Names the content of a version for ever. The digest tells it apart from what a draft said before, and from a version
/// of the same ids and number that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GraphKey {
    pub tenant_id: uuid::Uuid,
    pub scenario_id: uuid::Uuid,
    pub version: i32,
    pub digest: String,
}

/// Names what is deployed in a scenario. Its count of deployments goes up with each change of that. A count, and the
/// number of a version, can come again where a scenario is restored or a version was removed; the row of the scenario
/// has another writer then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeploymentKey {
    pub scenario: ScenarioKey,
    pub deployments: i32,
    /// The transaction that wrote the row of the scenario.
    pub written_by: u32,
}

/// What tells a version from every other one.
#[derive(Debug)]
pub struct KeptVersion {
    pub checksum: String,
    pub digest: String,
}

/// What an arrival writes of a step.
#[derive(Debug)]
pub struct KeptStep {
    pub name: String,
    pub content_hash: String,
    pub is_checkpoint: bool,
    pub checkpoint_description: Option<String>,
    pub is_terminal: bool,
    pub is_required_action: bool,
}

/// The place of a session: tenant, scenario, version and step.
pub type PlaceKey = (uuid::Uuid, uuid::Uuid, i32, String);

/// What was found out of all sessions at a place.
#[derive(Debug)]
pub struct CommonMove {
    /// What was deployed then.
    pub deployment: DeploymentKey,
    pub content_hash: String,
    pub settings: Settings,
    /// The move that each of them makes; `None` where that depends on the session.
    pub decision: Option<Rc<Decision>>,
}

/// Pairs of a plan's steps: (old step id, new step id).
pub type Pairs = Rc<Vec<(String, String)>>;

const MAX_GRAPH_BYTES: usize = 64 << 20;
const MAX_BYTES: usize = 16 << 20;

thread_local! {
    static GRAPHS: Cache<GraphKey, Rc<Graph>> = BoundedCache::shared(MAX_GRAPH_BYTES);
    static PAIRS: Cache<(DeploymentKey, uuid::Uuid), Pairs> = BoundedCache::shared(MAX_BYTES);
    static ACTS: Cache<(ScenarioKey, i32), Rc<Acts>> = BoundedCache::shared(MAX_BYTES);
    static VERSIONS: Cache<(DeploymentKey, i32), Rc<KeptVersion>> = BoundedCache::shared(MAX_BYTES);
    static STEPS: Cache<StepKey, Rc<KeptStep>> = BoundedCache::shared(MAX_BYTES);
    static PLANS: Cache<DeploymentKey, Rc<Vec<PlanRef>>> = BoundedCache::shared(MAX_BYTES);
    static PLAN_ROWS: Cache<(DeploymentKey, uuid::Uuid, String), Rc<PlannedStep>> = BoundedCache::shared(MAX_BYTES);
    static COMMON_MOVES: Cache<PlaceKey, Rc<CommonMove>> = BoundedCache::shared(MAX_BYTES);
    /// Whether this transaction has kept something, and so has a callback registered.
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// The graph of a version, if it is kept.
pub fn graph(key: &GraphKey) -> Option<Rc<Graph>> {
    get(&GRAPHS, key)
}

/// Keeps the graph of a version. Its digest names what it was compiled from, so that it holds for ever, drafts and
/// rolled back versions included.
pub fn keep_graph(key: GraphKey, graph: Graph) -> Rc<Graph> {
    let bytes = graph.weight();
    let graph = Rc::new(graph);
    GRAPHS.with_borrow_mut(|graphs| {
        graphs.put(key, Rc::clone(&graph), bytes);
        graphs.commit();
    });
    graph
}

/// The pairs of a plan: kept, or read by `make` and then kept.
pub fn pairs<E>(key: (DeploymentKey, uuid::Uuid), make: impl FnOnce() -> Result<Pairs, E>) -> Result<Pairs, E> {
    let weigh = |pairs: &Pairs| pairs.iter().map(|(old, new)| 64 + old.len() + new.len()).sum();
    kept(&PAIRS, key, weigh, make)
}

/// The plans of a scenario that were ever deployed: kept, or read by `make` and then kept.
pub fn plans<E>(key: DeploymentKey, make: impl FnOnce() -> Result<Rc<Vec<PlanRef>>, E>) -> Result<Rc<Vec<PlanRef>>, E> {
    kept(&PLANS, key, |plans| 128 + 64 * plans.len(), make)
}

/// The row of a plan for an old step, if it is kept.
pub fn plan_row(key: DeploymentKey, plan_id: uuid::Uuid, old_step_id: &str) -> Option<Rc<PlannedStep>> {
    get(&PLAN_ROWS, &(key, plan_id, old_step_id.to_owned()))
}

/// Keeps the row of a plan for an old step.
pub fn keep_plan_row(key: DeploymentKey, plan_id: uuid::Uuid, old_step_id: &str, row: Rc<PlannedStep>) {
    // Policies are as long as their lists: what it takes to write the row down is near what it takes to keep it.
    let bytes = 256 + 2 * format!("{row:?}").len();
    put(&PLAN_ROWS, (key, plan_id, old_step_id.to_owned()), row, bytes);
}

/// A version that is not a draft: kept, or read by `make` and then kept; `None` if there is no such version.
pub fn version<E>(
    key: (DeploymentKey, i32),
    make: impl FnOnce() -> Result<Option<KeptVersion>, E>,
) -> Result<Option<Rc<KeptVersion>>, E> {
    kept_if_found(&VERSIONS, key, |version| 256 + version.checksum.len() + version.digest.len(), make)
}

/// A step of a version that is not a draft: kept, or read by `make` and then kept; `None` if there is no such step.
pub fn step<E>(key: StepKey, make: impl FnOnce() -> Result<Option<KeptStep>, E>) -> Result<Option<Rc<KeptStep>>, E> {
    let weigh = |step: &Rc<KeptStep>| {
        256 + step.name.len() + step.content_hash.len() + step.checkpoint_description.as_ref().map_or(0, String::len)
    };
    kept_if_found(&STEPS, key, weigh, make)
}

/// What was found out of all sessions at a place, if it is kept.
pub fn common_move(place: &PlaceKey) -> Option<Rc<CommonMove>> {
    get(&COMMON_MOVES, place)
}

/// Keeps what was found out of all sessions at a place.
pub fn keep_common_move(place: PlaceKey, found: CommonMove) {
    let bytes = 256 + 2 * format!("{found:?}").len();
    put(&COMMON_MOVES, place, Rc::new(found), bytes);
}

/// The acts of a scenario at a revision, if they are kept.
pub fn acts(scenario: ScenarioKey, revision: i32) -> Option<Rc<Acts>> {
    get(&ACTS, &(scenario, revision))
}

/// Keeps the acts of a scenario at a revision.
pub fn keep_acts(scenario: ScenarioKey, revision: i32, acts: Acts) -> Rc<Acts> {
    let acts = Rc::new(acts);
    let weight = acts.rows().map(|row| {
        let fields: usize = row.collects.iter().map(|field| 24 + field.len()).sum();
        let texts = [&row.content_hash, &row.act, &row.name, &row.description, &row.last_step_id];
        256 + fields + texts.iter().map(|text| text.len()).sum::<usize>()
    });
    put(&ACTS, (scenario, revision), Rc::clone(&acts), weight.sum());
    acts
}

/// A step by its version and id.
pub type StepKey = (DeploymentKey, i32, String);

type Cache<K, V> = RefCell<BoundedCache<K, V>>;
type Shared<K, V> = std::thread::LocalKey<Cache<K, V>>;

fn kept<K: Eq + Hash + Clone, V: Clone, E>(
    cache: &'static Shared<K, V>,
    key: K,
    weigh: impl FnOnce(&V) -> usize,
    make: impl FnOnce() -> Result<V, E>,
) -> Result<V, E> {
    if let Some(value) = get(cache, &key) {
        return Ok(value);
    }
    let value = make()?;
    let bytes = weigh(&value);
    put(cache, key, value.clone(), bytes);
    Ok(value)
}

fn kept_if_found<K: Eq + Hash + Clone, V, E>(
    cache: &'static Shared<K, Rc<V>>,
    key: K,
    weigh: impl FnOnce(&Rc<V>) -> usize,
    make: impl FnOnce() -> Result<Option<V>, E>,
) -> Result<Option<Rc<V>>, E> {
    if let Some(value) = get(cache, &key) {
        return Ok(Some(value));
    }
    let Some(value) = make()?.map(Rc::new) else { return Ok(None) };
    let bytes = weigh(&value);
    put(cache, key, Rc::clone(&value), bytes);
    Ok(Some(value))
}

fn get<K: Eq + Hash + Clone, V: Clone>(cache: &'static Shared<K, V>, key: &K) -> Option<V> {
    cache.with_borrow_mut(|cache| cache.get(key))
}

fn put<K: Eq + Hash + Clone, V: Clone>(cache: &'static Shared<K, V>, key: K, value: V, bytes: usize) {
    watch_for_abort();
    cache.with_borrow_mut(|cache| cache.put(key, value, bytes));
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
    PAIRS.with_borrow_mut(BoundedCache::drop_uncommitted);
    ACTS.with_borrow_mut(BoundedCache::drop_uncommitted);
    VERSIONS.with_borrow_mut(BoundedCache::drop_uncommitted);
    STEPS.with_borrow_mut(BoundedCache::drop_uncommitted);
    PLANS.with_borrow_mut(BoundedCache::drop_uncommitted);
    PLAN_ROWS.with_borrow_mut(BoundedCache::drop_uncommitted);
    COMMON_MOVES.with_borrow_mut(BoundedCache::drop_uncommitted);
}

fn end_of_transaction() {
    PAIRS.with_borrow_mut(BoundedCache::commit);
    ACTS.with_borrow_mut(BoundedCache::commit);
    VERSIONS.with_borrow_mut(BoundedCache::commit);
    STEPS.with_borrow_mut(BoundedCache::commit);
    PLANS.with_borrow_mut(BoundedCache::commit);
    PLAN_ROWS.with_borrow_mut(BoundedCache::commit);
    COMMON_MOVES.with_borrow_mut(BoundedCache::commit);
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
    fn new(max_bytes: usize) -> Self {
        let max_bytes = NonZeroUsize::new(max_bytes).unwrap_or(NonZeroUsize::MIN);
        BoundedCache { entries: CLruCache::with_scale(max_bytes, ByWeight), uncommitted: HashSet::new() }
    }

    fn shared(max_bytes: usize) -> RefCell<Self> {
        RefCell::new(Self::new(max_bytes))
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

    const BYTES: usize = 12;

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
