//! What versions and fields say, read once for all sessions that are decided together.

use crate::error::Result;
use crate::store::{fields, versions};
use pgrx::Uuid;
use scenario_engine::field::FieldDefinition;
use scenario_engine::graph::Graph;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Reads each version and each field when it is first asked for. A clone shares what the other has read.
#[derive(Clone)]
pub struct DefinitionFacts {
    tenant_id: Uuid,
    known: Rc<RefCell<KnownDefinitions>>,
}

#[derive(Default)]
struct KnownDefinitions {
    /// By scenario and version; `None`: the definition is not kept any more.
    graphs: HashMap<(Uuid, i32), Option<Rc<Graph>>>,
    /// By name; `None`: the tenant has declared nothing for it.
    fields: HashMap<String, Option<Rc<FieldDefinition>>>,
}

impl DefinitionFacts {
    pub fn new(tenant_id: Uuid) -> DefinitionFacts {
        DefinitionFacts { tenant_id, known: Rc::default() }
    }

    /// The graph of a version. P0002 if the version does not exist.
    pub fn graph(&self, scenario_id: Uuid, version: i32) -> Result<Rc<Graph>> {
        if let Some(Some(graph)) = self.known.borrow().graphs.get(&(scenario_id, version)) {
            return Ok(Rc::clone(graph));
        }
        let graph = versions::graph(self.tenant_id, scenario_id, version)?;
        self.known.borrow_mut().graphs.insert((scenario_id, version), Some(Rc::clone(&graph)));
        Ok(graph)
    }

    /// The graph of a version; `None` if its definition is not kept any more.
    pub fn kept_graph(&self, scenario_id: Uuid, version: i32) -> Result<Option<Rc<Graph>>> {
        if let Some(known) = self.known.borrow().graphs.get(&(scenario_id, version)) {
            return Ok(known.clone());
        }
        let graph = versions::kept_graph(self.tenant_id, scenario_id, version)?;
        self.known.borrow_mut().graphs.insert((scenario_id, version), graph.clone());
        Ok(graph)
    }

    /// What the tenant has declared for a field.
    pub fn field(&self, name: &str) -> Result<Option<Rc<FieldDefinition>>> {
        if let Some(known) = self.known.borrow().fields.get(name) {
            return Ok(known.clone());
        }
        let definition = fields::definition(self.tenant_id, name)?.map(Rc::new);
        self.known.borrow_mut().fields.insert(name.to_owned(), definition.clone());
        Ok(definition)
    }
}
