//! The transformation map, and the document in which users see it.

use super::pairing::{Ambiguity, PairKind};
use super::side::{Ranges, Side};
use crate::condition::ConditionKind;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

/// What the sessions at an anchor need ("Migration scenarios" in docs/behaviour.md), weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationScenario {
    CleanGraft,
    GapFill,
    ReRoute,
}

impl MigrationScenario {
    pub fn as_str(self) -> &'static str {
        match self {
            MigrationScenario::CleanGraft => "clean_graft",
            MigrationScenario::GapFill => "gap_fill",
            MigrationScenario::ReRoute => "re_route",
        }
    }

    /// The scenario of that name.
    pub fn parse(text: &str) -> Option<MigrationScenario> {
        match text {
            "clean_graft" => Some(MigrationScenario::CleanGraft),
            "gap_fill" => Some(MigrationScenario::GapFill),
            "re_route" => Some(MigrationScenario::ReRoute),
            _ => None,
        }
    }
}

/// A step of the new version that is new on some anchor's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsertedStep {
    pub step_id: String,
    pub name: String,
    pub collects_fields: Vec<String>,
    pub has_rules: bool,
    pub is_required_action: bool,
    pub is_checkpoint: bool,
}

/// A pair whose wording or fields changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditedStep {
    pub old_step_id: String,
    pub new_step_id: String,
    pub name: String,
    /// Fields that the new step collects and the old one did not.
    pub added_fields: Vec<String>,
}

/// How a fork came to be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForkKind {
    Inserted,
    Widened,
    Changed,
}

/// A branch of a new fork.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkBranch {
    pub target_step_id: String,
    pub target_step_name: String,
    pub condition_text: String,
    pub condition_kind: ConditionKind,
    pub condition_fields: Vec<String>,
}

/// A fork that some anchor's sessions have not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueFork {
    pub step_id: String,
    pub name: String,
    pub kind: ForkKind,
    pub branches: Vec<ForkBranch>,
}

/// What became of a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionChange {
    Added,
    Removed,
    Modified,
}

/// A transition of a paired step that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueTransition {
    pub from_step_id: String,
    pub old_to_step_id: Option<String>,
    pub new_to_step_id: Option<String>,
    pub change: TransitionChange,
}

/// Every change between the two versions, once; anchors refer to it by position.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Catalogue {
    pub inserted_steps: Vec<InsertedStep>,
    pub edited_steps: Vec<EditedStep>,
    pub removed_step_ids: Vec<String>,
    pub new_forks: Vec<CatalogueFork>,
    pub modified_transitions: Vec<CatalogueTransition>,
    pub inserted_step_ids: Vec<String>,
    pub ambiguities: Vec<Ambiguity>,
}

/// A step of the old version paired with the step of the new one that means the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    pub anchor_content_hash: String,
    pub anchor_name: String,
    pub old_step_id: String,
    pub new_step_id: String,
    pub pairing: PairKind,
    pub migration_scenario: MigrationScenario,
    pub upstream: Side,
    pub downstream: Side,
}

/// Where the sessions of a deleted step may go, nearest first ("Deleted steps" in docs/behaviour.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelocationCandidate {
    pub new_step_id: String,
    pub anchor_content_hash: String,
    pub distance: u32,
}

/// A step of the old version that the new one does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedStep {
    pub step_id: String,
    pub name: String,
    pub content_hash: String,
    pub candidates: Vec<RelocationCandidate>,
}

/// The diff of two versions. The same two definitions give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransformationMap {
    pub catalogue: Catalogue,
    /// In document order of the old version.
    pub anchors: Vec<Anchor>,
    /// In document order of the old version.
    pub deleted_steps: Vec<DeletedStep>,
}

/// The document of a map would be too large to make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document of this diff would hold {changes} changes, more than {limit}")]
pub struct MapError {
    pub changes: usize,
    pub limit: usize,
}

/// A document with more changes than this would not fit into one jsonb value.
const DOCUMENT_LIMIT: usize = 1_000_000;

impl TransformationMap {
    /// Fails if every anchor's changes written out would be more than a jsonb value can hold; plans keep the map by
    /// reference and have no such limit.
    pub fn check_size(&self) -> Result<(), MapError> {
        let changes: usize = self.anchors.iter().map(|a| a.upstream.len() + a.downstream.len()).sum::<usize>()
            + self.deleted_steps.iter().map(|d| d.candidates.len()).sum::<usize>();
        if changes > DOCUMENT_LIMIT {
            return Err(MapError { changes, limit: DOCUMENT_LIMIT });
        }
        Ok(())
    }

    /// The document in which users see the map, as JSON text: what the map serializes to. Fails as
    /// [`check_size`](Self::check_size) does.
    pub fn to_document(&self) -> Result<String, MapError> {
        self.check_size()?;
        // Writing to memory cannot fail, and every key is a string.
        Ok(serde_json::to_string(self).unwrap_or_default())
    }
}

impl Serialize for TransformationMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("anchors", &Sequence(&self.anchors, |a| AnchorDocument(a, &self.catalogue)))?;
        map.serialize_entry("deleted_steps", &Sequence(&self.deleted_steps, DeletedDocument))?;
        map.serialize_entry("inserted_step_ids", &self.catalogue.inserted_step_ids)?;
        map.serialize_entry("ambiguities", &self.catalogue.ambiguities)?;
        map.end()
    }
}

/// Serializes each item through a view of it.
struct Sequence<'a, T, F>(&'a [T], F);

impl<'a, T, V: Serialize, F: Fn(&'a T) -> V> Serialize for Sequence<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            seq.serialize_element(&(self.1)(item))?;
        }
        seq.end()
    }
}

/// An anchor with its changes written out.
pub(crate) struct AnchorDocument<'a>(pub &'a Anchor, pub &'a Catalogue);

impl Serialize for AnchorDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let AnchorDocument(anchor, catalogue) = self;
        let mut map = serializer.serialize_map(Some(8))?;
        map.serialize_entry("anchor_content_hash", &anchor.anchor_content_hash)?;
        map.serialize_entry("anchor_name", &anchor.anchor_name)?;
        map.serialize_entry("old_step_id", &anchor.old_step_id)?;
        map.serialize_entry("new_step_id", &anchor.new_step_id)?;
        map.serialize_entry("pairing", &anchor.pairing)?;
        map.serialize_entry("migration_scenario", &anchor.migration_scenario)?;
        map.serialize_entry("upstream_changes", &SideDocument(&anchor.upstream, catalogue))?;
        map.serialize_entry("downstream_changes", &SideDocument(&anchor.downstream, catalogue))?;
        map.end()
    }
}

pub(crate) struct DeletedDocument<'a>(pub &'a DeletedStep);

impl Serialize for DeletedDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("step_id", &self.0.step_id)?;
        map.serialize_entry("name", &self.0.name)?;
        map.serialize_entry("candidates", &self.0.candidates)?;
        map.end()
    }
}

struct SideDocument<'a>(&'a Side, &'a Catalogue);

impl Serialize for SideDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SideDocument(side, catalogue) = self;
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("inserted_steps", &Selected(&side.inserted_steps, &catalogue.inserted_steps))?;
        map.serialize_entry("edited_steps", &Selected(&side.edited_steps, &catalogue.edited_steps))?;
        map.serialize_entry("removed_step_ids", &Selected(&side.removed_step_ids, &catalogue.removed_step_ids))?;
        map.serialize_entry("new_forks", &Selected(&side.new_forks, &catalogue.new_forks))?;
        map.serialize_entry(
            "modified_transitions",
            &Selected(&side.modified_transitions, &catalogue.modified_transitions),
        )?;
        map.end()
    }
}

struct Selected<'a, T>(&'a Ranges, &'a [T]);

impl<T: Serialize> Serialize for Selected<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0.iter().filter_map(|position| self.1.get(position)) {
            seq.serialize_element(item)?;
        }
        seq.end()
    }
}
