-- Only what reconcile_session has returned was asked; and what was asked can be answered also when a newer version has
-- come meanwhile.
\set t     '''a0000000-0000-0000-0000-000000000041'''
\set other '''a0000000-0000-0000-0000-0000000000ff'''
\set flow '''b0000000-0000-0000-0000-000000000041'''
\set ann  '''c0000000-0000-0000-0000-00000000410a'''
\set bob  '''c0000000-0000-0000-0000-00000000410b'''
\set cleo '''c0000000-0000-0000-0000-00000000410c'''
\set dan  '''c0000000-0000-0000-0000-00000000410d'''
select $query$
  select action, collect_fields as collect, confirm_fields as confirm, execute_step_ids as execute,
         decisions #>> $${0,fork_step_id}$$ as fork
    from scenario.reconcile_session
$query$ as turn \gset
select $$
  select right(session_id::text, 1) as session, scenario_version as version, kind, name, value, step_name,
         target_step_ids as targets
    from scenario.session_requests where tenant_id =
$$ as asked \gset
set client_min_messages = warning;

select scenario.create_scenario(:t, '{"name": "Clinic", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "talk"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}', :flow) = :flow as created;
insert into scenario.field_definitions (tenant_id, field_name, schema, extraction_pattern)
values (:t, 'age', '{"type": "integer", "minimum": 0, "maximum": 120}', 'I am (\d+)');
select right(s, 1) as session, (scenario.start_session(:t, s::uuid, :flow, customer_id => s::uuid)).step_id,
       (scenario.advance_session(:t, s::uuid, 'talk')).step_id
  from unnest(array[:ann, :bob, :cleo]) as s;
insert into scenario.messages (tenant_id, session_id, role, content) values (:t, :ann, 'customer', 'I am 31');
select scenario.create_scenario_version(:t, :flow, '{"name": "Clinic", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "about"}]},
  {"id": "about", "name": "About you", "collects_profile_fields": ["age"], "transitions": [{"to_step_id": "consent"}]},
  {"id": "consent", "name": "Consent", "is_required_action": true, "performs_action": true,
   "transitions": [{"to_step_id": "mood"}]},
  {"id": "mood", "name": "Mood", "transitions": [
    {"to_step_id": "nurse", "condition_text": "the customer sounds worried"}, {"to_step_id": "talk"}]},
  {"id": "nurse", "name": "A nurse", "transitions": [{"to_step_id": "bye"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset

-- Case 27: a "yes" for a value that only a preview, a simulation or a batch has listed.
select confirm_fields from scenario.preview_reconciliation(:t, :ann, :'plan');
select action, confirm_fields from scenario.simulate_migration_plan(:t, :'plan') where session_id = :ann;
select * from scenario.confirm_field(:t, :ann, 'age', true);
\echo :LAST_ERROR_SQLSTATE
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
call scenario.migrate_sessions(:t, :'plan');
select * from scenario.confirm_field(:t, :ann, 'age', true);
\echo :LAST_ERROR_SQLSTATE
-- A batch leaves who would be asked as they are: marked, waiting for nobody, with no row in the audit.
select done, applied, deferred, failed from scenario.batch_runs where tenant_id = :t;
select count(*) filter (where waiting_for is null and pending_plan_id = :'plan') as marked, count(*)
  from scenario.sessions where tenant_id = :t;
select (select count(*) from scenario.migration_audit where tenant_id = :t) as audited,
       (select count(*) from scenario.session_requests where tenant_id = :t) as requests,
       (select count(*) from scenario.profile_fields where tenant_id = :t) as profile,
       (select count(*) from scenario.stranded_sessions(:t, :'plan')) as stranded;

-- A turn asks. The same again adds nothing.
:turn(:t, :ann);
:asked :t;
select asked_at as asked_first from scenario.session_requests where tenant_id = :t \gset
:turn(:t, :ann);
select count(*), min(asked_at) = :'asked_first' as when_asked_first from scenario.session_requests where tenant_id = :t;
-- The word counts for the very value that was asked about, whatever has been found since.
select used, needs_confirmation from scenario.record_extraction(:t, :ann, 'age', '40', 0.9);
select * from scenario.confirm_field(:t, :ann, 'age', true);
select variables, (select jsonb_build_object('value', value, 'unsure', needs_confirmation)
                     from scenario.profile_fields where tenant_id = :t) as profile
  from scenario.sessions where tenant_id = :t and session_id = :ann;
-- Once.
select * from scenario.confirm_field(:t, :ann, 'age', true);
\echo :LAST_ERROR_SQLSTATE

-- A "no" counts for a value that has been settled elsewhere meanwhile, too.
:turn(:t, :bob);
select used, needs_confirmation from scenario.record_extraction(:t, :bob, 'age', '20', 0.9);
:turn(:t, :bob);
update scenario.profile_fields set needs_confirmation = false where tenant_id = :t and customer_id = :bob;
select * from scenario.confirm_field(:t, :bob, 'age', false);
:turn(:t, :bob);
select value, status from scenario.profile_fields where tenant_id = :t and customer_id = :bob;

-- What was never asked, and is not where the session stands.
select scenario.complete_action(:t, :ann, 'consent');
\echo :LAST_ERROR_SQLSTATE
select scenario.submit_decision(:t, :ann, 'mood', 'nurse');
\echo :LAST_ERROR_SQLSTATE
-- Dan stands at the action; Cleo is asked for it; Ann and Bob are asked to decide.
select (scenario.start_session(:t, :dan, :flow, step_id => 'consent')).step_id as dan;
:turn(:t, :ann);
select * from scenario.submit_fields(:t, :bob, '{"age": 50}');
select * from scenario.submit_fields(:t, :cleo, '{"age": 60}');
:turn(:t, :bob);
:turn(:t, :cleo);
select scenario.complete_action(:t, session_id, 'consent')
  from scenario.sessions where tenant_id = :t and session_id in (:ann, :bob);
:turn(:t, :ann);
:turn(:t, :bob);
:asked :t and kind in ('action', 'fork') order by 1, 3;

-- Case 14: meanwhile a version comes without the fork, in which another step has the id of the action.
select scenario.create_scenario_version(:t, :flow, '{"name": "Clinic", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "about"}]},
  {"id": "about", "name": "About you", "collects_profile_fields": ["age"], "transitions": [{"to_step_id": "consent"}]},
  {"id": "consent", "name": "House rules", "transitions": [{"to_step_id": "talk"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 3) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
select scenario.complete_action(:t, :cleo, 'consent');
select scenario.complete_action(:t, :cleo, 'consent');
select scenario.complete_action(:t, :dan, 'consent');
select scenario.submit_decision(:t, :ann, 'mood', 'bye');
\echo :LAST_ERROR_SQLSTATE
select scenario.submit_decision(:t, :ann, 'mood', 'nurse');
select scenario.submit_decision(:t, :cleo, 'mood', 'nurse');
\echo :LAST_ERROR_SQLSTATE
select right(session_id::text, 1) as session, scenario_version, step_id
  from scenario.session_actions where tenant_id = :t order by 1, 2;
select right(session_id::text, 1) as session, scenario_version, fork_step_id, target_step_id
  from scenario.session_decisions where tenant_id = :t;
-- The work of the action is not asked for again when it is taken up again, under another id.
select scenario.create_scenario_version(:t, :flow, '{"name": "Clinic", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "about"}]},
  {"id": "about", "name": "About you", "collects_profile_fields": ["age"], "transitions": [{"to_step_id": "sign"}]},
  {"id": "sign", "name": "Consent", "is_required_action": true, "performs_action": true,
   "transitions": [{"to_step_id": "consent"}]},
  {"id": "consent", "name": "House rules", "is_required_action": true, "transitions": [{"to_step_id": "talk"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 4) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
:turn(:t, :cleo);
-- An id that several versions have asked for means the newest that asked.
select scenario.complete_action(:t, :cleo, 'consent');
select scenario_version, step_id from scenario.session_actions where tenant_id = :t and session_id = :cleo order by 1;
:turn(:t, :cleo);
-- The session has left the scenario: what it was asked for can still be reported, and nothing else.
update scenario.sessions set scenario_id = null where tenant_id = :t and session_id in (:ann, :cleo);
select scenario.complete_action(:t, :cleo, 'consent');
select scenario.submit_decision(:t, :ann, 'mood', 'talk');
select scenario.complete_action(:t, :cleo, 'sign');
\echo :LAST_ERROR_SQLSTATE
-- A session that is gone takes along what it was asked.
delete from scenario.sessions where tenant_id = :t and session_id = :ann;
select distinct right(session_id::text, 1) as session from scenario.session_requests where tenant_id = :t order by 1;

-- A session that stood at an action, or at a fork, can report it also after a newer version has moved it on.
\set s    '''b0000000-0000-0000-0000-000000000042'''
\set eve  '''c0000000-0000-0000-0000-00000000410e'''
select scenario.create_scenario(:t, '{"name": "Post", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Address", "transitions": [{"to_step_id": "act"}]},
  {"id": "act", "name": "Send the parcel", "is_required_action": true, "performs_action": true,
   "transitions": [{"to_step_id": "m"}]},
  {"id": "m", "name": "Tell them", "transitions": [
    {"to_step_id": "x", "condition_text": "the customer sounds sad"}, {"to_step_id": "e"}]},
  {"id": "x", "name": "Comfort", "transitions": [{"to_step_id": "e"}]},
  {"id": "e", "name": "Thanks", "is_terminal": true}]}', :s) = :s as created;
select (scenario.start_session(:t, :eve, :s)).step_id, (scenario.advance_session(:t, :eve, 'act')).step_id;
select scenario.create_scenario_version(:t, :s, '{"name": "Post", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Address", "transitions": [{"to_step_id": "m"}]},
  {"id": "m", "name": "Tell them", "transitions": [
    {"to_step_id": "x", "condition_text": "the customer sounds sad"}, {"to_step_id": "e"}]},
  {"id": "x", "name": "Comfort", "transitions": [{"to_step_id": "e"}]},
  {"id": "e", "name": "Thanks", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :s, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
select action, target_step_id, scenario_version from scenario.reconcile_session(:t, :eve);
select scenario.complete_action(:t, :eve, 'act');
select scenario.complete_action(:t, :eve, 'act');
select scenario_version, step_id, step_content_hash from scenario.session_actions
 where tenant_id = :t and session_id = :eve;
-- Where it stood at a step that is no required action, there is nothing to report.
select scenario.complete_action(:t, :eve, 'a');
\echo :LAST_ERROR_SQLSTATE
select scenario.create_scenario_version(:t, :s, '{"name": "Post", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Address", "transitions": [{"to_step_id": "e"}]},
  {"id": "e", "name": "Thanks", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :s, 3) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
select action, target_step_id, scenario_version from scenario.reconcile_session(:t, :eve);
select scenario.submit_decision(:t, :eve, 'm', 'a');
\echo :LAST_ERROR_SQLSTATE
select scenario.submit_decision(:t, :eve, 'm', 'x');
select scenario.submit_decision(:t, :eve, 'a', 'm');
\echo :LAST_ERROR_SQLSTATE
select scenario_version, fork_step_id, target_step_id from scenario.session_decisions
 where tenant_id = :t and session_id = :eve;
-- The session has left the scenario.
update scenario.sessions set scenario_id = null where tenant_id = :t and session_id = :eve;
select scenario.complete_action(:t, :eve, 'act');
select scenario.complete_action(:t, :eve, 'a');
\echo :LAST_ERROR_SQLSTATE
reset client_min_messages;
