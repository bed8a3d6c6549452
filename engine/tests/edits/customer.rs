//! A customer in the old version of a row, and what can become of them.

use crate::common::short::short;
use crate::common::world::{World, asked, brief};
use crate::page::rows;
use scenario_engine::definition::Definition;
use scenario_engine::reconcile::{Decision, Effect};

/// An edit: the flows of a row.
pub struct Edit {
    old: Definition,
    new: Definition,
}

impl Edit {
    /// The row of a module, with the flows that the page gives.
    pub fn of(module: &str, old: &str, new: &str) -> Edit {
        assert_eq!(rows().get(module), Some(&(old, new)), "the page gives other flows for {module}");
        Edit { old: short(old), new: short(new) }
    }

    /// The same with another new version, which says the same.
    pub fn with(self, change: impl FnOnce(Definition) -> Definition) -> Edit {
        Edit { new: change(self.new), ..self }
    }

    /// A customer who has come by these steps of the old version and has answered these questions of the steps that
    /// they left, and no others. The new version is deployed.
    pub fn customer(self, steps: &str, answers: &[(&str, &str)]) -> Customer {
        let steps: Vec<&str> = steps.split_whitespace().collect();
        let (_, left) = steps.split_last().expect("a step");
        let step = |id: &str| self.old.steps.iter().find(|s| s.id == id).unwrap_or_else(|| panic!("no step {id}"));
        for pair in steps.windows(2) {
            assert!(step(pair[0]).transitions.iter().any(|t| t.to_step_id == pair[1]), "no way {pair:?}");
        }
        assert_eq!(steps[0], self.old.entry_step_id);
        let mut asked: Vec<&str> =
            left.iter().flat_map(|id| &step(id).collects_profile_fields).map(String::as_str).collect();
        let mut answered: Vec<&str> = answers.iter().map(|(field, _)| *field).collect();
        asked.sort_unstable();
        answered.sort_unstable();
        assert_eq!(asked, answered, "what the steps that they left collect");
        let mut world = World::planned(self.old, self.new);
        world.walked(&steps);
        let customer = Customer { world };
        answers.iter().fold(customer, |customer, (field, value)| customer.knowing(field, value))
    }
}

/// A session that is due, with the customer's data.
pub struct Customer {
    pub world: World,
}

impl Customer {
    /// What else is known of them, or what they answer now.
    pub fn knowing(mut self, field: &str, value: &str) -> Customer {
        self.world.knows(field, value);
        self
    }

    /// Silence: they move to the counterpart of their own step; nothing is asked, executed, decided or told.
    pub fn lands_silently_at(self, step: &str) -> Customer {
        let own = self.world.maps[&self.world.plans[0].plan_id]
            .anchors
            .iter()
            .find(|anchor| anchor.old_step_id == self.world.session.step_id)
            .map(|anchor| anchor.new_step_id.clone());
        assert_eq!(own.as_deref(), Some(step), "the counterpart of their own step");
        self.moves_quietly_to(step)
    }

    /// Their step is deleted: they move to another one, and nothing is asked, executed, decided or told.
    pub fn gets_relocated_to(self, step: &str) -> Customer {
        let map = &self.world.maps[&self.world.plans[0].plan_id];
        assert!(map.deleted_steps.iter().any(|deleted| deleted.step_id == self.world.session.step_id));
        self.moves_quietly_to(step)
    }

    fn moves_quietly_to(mut self, step: &str) -> Customer {
        let decision = self.settled(&format!("teleport {step}"));
        assert!(decision.user_message.is_none() && !decision.is_blocked_by_checkpoint(), "{decision:#?}");
        self.moves(&decision, step)
    }

    /// They are asked for exactly these fields, and stay where they are meanwhile.
    pub fn gets_asked_for(mut self, fields: &[&str]) -> Customer {
        let decision = self.world.reconcile();
        assert_eq!((brief(&decision), asked(&decision)), (format!("collect {}", fields.join(" ")), owned(fields)));
        assert!(decision.user_message.is_some(), "{decision:#?}");
        self.stays(&decision)
    }

    /// They have to wait until these actions, and no others, are executed, which then happens.
    pub fn executes(mut self, steps: &[&str]) -> Customer {
        let decision = self.world.reconcile();
        assert_eq!(brief(&decision), format!("execute_action {}", steps.join(" ")), "{decision:#?}");
        let mut customer = self.stays(&decision);
        steps.iter().for_each(|step| customer.world.complete(decision.published_version, step));
        customer
    }

    /// They belong elsewhere: they are led there, and told so.
    pub fn gets_redirected_to(mut self, step: &str) -> Customer {
        let decision = self.settled(&format!("teleport {step}"));
        let message = Some(self.world.settings.reroute_message.clone());
        assert!(decision.user_message == message && !decision.is_blocked_by_checkpoint(), "{decision:#?}");
        self.moves(&decision, step)
    }

    /// They belong elsewhere, and a passed checkpoint keeps them: they land at their step all the same, and the
    /// operator is warned.
    pub fn lands_with_a_warning_at(mut self, step: &str) -> Customer {
        let decision = self.settled(&format!("continue at {step}"));
        assert!(decision.user_message.is_none() && decision.checkpoint_warning().is_some(), "{decision:#?}");
        self.moves(&decision, step)
    }

    /// They stay in their version, because the move would undo an act.
    pub fn stays_on_their_version(mut self) {
        let decision = self.world.reconcile();
        assert!(decision.effect == Effect::Pin && decision.undone.is_some(), "{decision:#?}");
    }

    /// They have come to an end.
    pub fn is_finished(&self) -> bool {
        self.world.session.finished
    }

    /// One more version is published and deployed.
    pub fn then(mut self, flow: &str) -> Customer {
        let mut versions = self.world.definitions.clone();
        versions.push(short(flow));
        let mut next = World::chained(versions);
        next.visits = std::mem::take(&mut self.world.visits);
        next.session = self.world.session.clone();
        Customer { world: next }
    }

    /// A decision that needs nobody.
    fn settled(&mut self, expected: &str) -> Decision {
        let decision = self.world.reconcile();
        assert_eq!(brief(&decision), expected, "{decision:#?}");
        assert!(decision.collect_fields.is_empty() && decision.confirm_fields.is_empty(), "{decision:#?}");
        assert!(decision.execute_step_ids.is_empty() && decision.decisions.is_empty(), "{decision:#?}");
        decision
    }

    fn stays(mut self, decision: &Decision) -> Customer {
        assert!(matches!(decision.effect, Effect::Wait(_)), "{decision:#?}");
        let place = |world: &World| (world.session.scenario_version, world.session.step_id.clone());
        let before = place(&self.world);
        self.world.apply(decision);
        assert_eq!(place(&self.world), before);
        self
    }

    fn moves(mut self, decision: &Decision, step: &str) -> Customer {
        self.world.apply(decision);
        let session = &self.world.session;
        assert_eq!((session.scenario_version, session.step_id.as_str()), (self.world.published, step));
        let next = self.world.reconcile();
        assert!(matches!(next.effect, Effect::None | Effect::Settle), "then nothing is left to do: {next:#?}");
        self
    }
}

fn owned(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}
