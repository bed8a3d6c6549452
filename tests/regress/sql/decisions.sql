-- Forks in natural language: somebody decides, for one session and one fork of one version. The explanation and the
-- audit show the decision, and somebody can decide otherwise as long as nothing has moved ("Decisions").
\set t  '''a0000000-0000-0000-0000-000000000033'''
\set other '''a0000000-0000-0000-0000-0000000000ff'''
\set flow '''b0000000-0000-0000-0000-000000000033'''
\set ann '''c0000000-0000-0000-0000-00000000003a'''
\set bob '''c0000000-0000-0000-0000-00000000003b'''
\set cleo '''c0000000-0000-0000-0000-00000000003c'''
\set gone '''c0000000-0000-0000-0000-00000000003d'''
select $$
  select action, target_step_id as step, scenario_version as version, reason, user_message
    from scenario.reconcile_session
$$ as turn \gset
\set explain 'select seq, step_id, event, detail - $$plan_ids$$ as detail from scenario.explain_reconciliation'

select scenario.create_scenario(:t, '{"name": "Support", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "advice"}]},
  {"id": "advice", "name": "Advice", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}', :flow) = :flow as created;
select s, (scenario.start_session(:t, s::uuid, :flow)).step_id,
       (scenario.advance_session(:t, s::uuid, 'advice')).step_id
from unnest(array[:ann, :bob, :cleo, :gone]) as s;
update scenario.sessions set scenario_id = null where tenant_id = :t and session_id = :gone;
select scenario.create_scenario_version(:t, :flow, '{"name": "Support", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "mood"}]},
  {"id": "mood", "name": "Mood", "transitions": [
    {"to_step_id": "person", "condition_text": "the customer sounds unhappy"},
    {"to_step_id": "expert", "condition_text": "the question is a technical one"},
    {"to_step_id": "advice"}]},
  {"id": "person", "name": "A person", "is_terminal": true},
  {"id": "expert", "name": "An expert", "transitions": [{"to_step_id": "bye"}]},
  {"id": "advice", "name": "Advice", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');

-- The database does not guess.
:turn(:t, :ann);
select jsonb_pretty(decisions) as decisions from scenario.preview_reconciliation(:t, :ann);
select waiting_for, revision from scenario.sessions where tenant_id = :t and session_id = :ann;
:turn(:t, :ann);
select waiting_for, revision from scenario.sessions where tenant_id = :t and session_id = :ann;

-- Answers that are none.
select scenario.submit_decision(:t, :ann, 'mood', 'bye');
select scenario.submit_decision(:t, :ann, 'hello', 'mood');
select scenario.submit_decision(:t, :ann, 'feelings', 'person');
select scenario.submit_decision(:other, :ann, 'mood', 'person');
select scenario.submit_decision(:t, :gone, 'mood', 'person');
select scenario.submit_decision(:t, null, 'mood', 'person');
select scenario.submit_decision(:t, :ann, 'mood', null);

-- To an expert, then on second thoughts to advice, where she is; the first answer is not kept beside the second.
select scenario.submit_decision(:t, :ann, 'mood', 'expert');
select action, target_step_id, reason from scenario.preview_reconciliation(:t, :ann);
select scenario.submit_decision(:t, :ann, 'mood', 'advice');
select scenario_version, fork_step_id, target_step_id, decided_by = session_user as by_me
  from scenario.session_decisions where tenant_id = :t;
:explain(:t, :ann);
:turn(:t, :ann);
-- To a person, once the turn has asked.
select scenario.submit_decision(:t, :bob, 'mood', 'person');
:turn(:t, :bob);
select scenario.submit_decision(:t, :bob, 'mood', 'person');
:explain(:t, :bob) where event = 'fork';
:turn(:t, :bob);
-- Nobody is there to decide: she keeps to her path, with a warning.
set scenario.on_undecided = stay;
:turn(:t, :cleo);
reset scenario.on_undecided;
select right(session_id::text, 1) as session, revision, action, step_before, step_after, reason
from scenario.migration_audit where tenant_id = :t order by session_id, revision;

-- An answer is for the version that it was given for: the next one's fork is another one, even with the same id.
select scenario.create_scenario_version(:t, :flow, '{"name": "Support", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "mood"}]},
  {"id": "mood", "name": "Mood", "transitions": [
    {"to_step_id": "person", "condition_text": "the customer sounds angry"},
    {"to_step_id": "expert", "condition_text": "the question is a technical one"},
    {"to_step_id": "advice"}]},
  {"id": "person", "name": "A person", "is_terminal": true},
  {"id": "expert", "name": "An expert", "transitions": [{"to_step_id": "bye"}]},
  {"id": "advice", "name": "Advice", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 3) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
:turn(:t, :ann);
select scenario.submit_decision(:t, :ann, 'mood', 'advice');
:turn(:t, :ann);
select scenario_version, fork_step_id, target_step_id
  from scenario.session_decisions where tenant_id = :t and session_id = :ann order by 1;

-- A fork that a version drops and a later one takes up again is not asked about a second time.
\set s    '''b0000000-0000-0000-0000-000000000034'''
\set dan  '''c0000000-0000-0000-0000-00000000003f'''
\set eve  '''c0000000-0000-0000-0000-00000000003e'''
select $$
  {"name": "Mood", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Hello", "transitions": [{"to_step_id": "m"}]},
    {"id": "m", "name": "Advice", "transitions": [{"to_step_id": "e"}]},
    {"id": "x", "name": "Comfort", "transitions": [{"to_step_id": "e"}]},
    {"id": "e", "name": "Goodbye", "is_terminal": true}]}
$$ as plain \gset
select $$
  {"name": "Mood", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Hello", "transitions": [{"to_step_id": "f"}]},
    {"id": "f", "name": "Mood", "transitions": [
      {"to_step_id": "x", "condition_text": "the customer sounds sad"},
      {"to_step_id": "m"}]},
    {"id": "m", "name": "Advice", "transitions": [{"to_step_id": "e"}]},
    {"id": "x", "name": "Comfort", "transitions": [{"to_step_id": "e"}]},
    {"id": "e", "name": "Goodbye", "is_terminal": true}]}
$$ as asks \gset
select scenario.create_scenario(:t, :'plain', :s) = :s as created;
select (scenario.start_session(:t, c::uuid, :s)).step_id, (scenario.advance_session(:t, c::uuid, 'm')).step_id
  from unnest(array[:dan, :eve]) as c;
select scenario.build_migration_plan(:t, :s, scenario.create_scenario_version(:t, :s, :'asks')) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
:turn(:t, :dan);
:turn(:t, :eve);
select scenario.submit_decision(:t, :dan, 'f', 'm');
:turn(:t, :dan);
select scenario.build_migration_plan(:t, :s, scenario.create_scenario_version(:t, :s, :'plain')) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
-- Eve's answer comes late, when she has landed in the version without the fork.
:turn(:t, :eve);
select scenario.submit_decision(:t, :eve, 'f', 'x');
select scenario.build_migration_plan(:t, :s, scenario.create_scenario_version(:t, :s, :'asks')) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
:turn(:t, :dan);
:turn(:t, :eve);
select right(session_id::text, 1) as session, scenario_version, fork_step_id, target_step_id
  from scenario.session_decisions where tenant_id = :t and scenario_id = :s order by 1;
