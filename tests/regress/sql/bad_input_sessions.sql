-- Bad input for the functions of a turn: the right SQLSTATE, a message that helps, and no change ("Errors").
\set t  '''a0000000-0000-0000-0000-000000000007'''
\set other '''a0000000-0000-0000-0000-0000000000ff'''
\set flow '''b0000000-0000-0000-0000-000000000007'''
\set ann '''c0000000-0000-0000-0000-00000000000a'''
\set nobody '''c0000000-0000-0000-0000-0000000000ff'''

select scenario.create_scenario(:t, '{"name": "Flow", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]},
  {"id": "b", "name": "B", "is_terminal": true}]}', :flow) = :flow as created;
select (scenario.start_session(:t, :ann, :flow, variables => '{"kept": true}')).step_id as ann;

-- NULL is no argument.
select scenario.start_session(null, :nobody, :flow);
\echo :LAST_ERROR_SQLSTATE
select scenario.start_session(:t, null, :flow);
select scenario.start_session(:t, :nobody, null);
select scenario.advance_session(:t, :ann, null);
select scenario.reconcile_session(null, :ann);
select scenario.reconcile_session(:t, null);
select scenario.preview_reconciliation(:t, null);
select scenario.explain_reconciliation(null, null);
select scenario.submit_fields(:t, :ann, null);
select scenario.confirm_field(:t, :ann, 'f', null);
select scenario.record_extraction(:t, :ann, 'f', null, 1);
select scenario.record_extraction(:t, :ann, 'f', '1', null);
select scenario.complete_action(:t, :ann, null);
select scenario.submit_decision(:t, :ann, 'a', null);
\echo :LAST_ERROR_SQLSTATE

-- What does not exist, and what is another tenant's: the same words.
select scenario.reconcile_session(:t, :nobody);
\echo :LAST_ERROR_SQLSTATE
select scenario.reconcile_session(:other, :ann);
\echo :LAST_ERROR_SQLSTATE
select scenario.preview_reconciliation(:other, :ann);
select scenario.explain_reconciliation(:other, :ann);
select scenario.advance_session(:other, :ann, 'b');
select scenario.submit_fields(:other, :ann, '{"f": 1}');
select scenario.confirm_field(:other, :ann, 'f', true);
select scenario.record_extraction(:other, :ann, 'f', '1', 1);
select scenario.complete_action(:other, :ann, 'a');
select scenario.submit_decision(:other, :ann, 'a', 'b');
select scenario.start_session(:other, :nobody, :flow);
\echo :LAST_ERROR_SQLSTATE
select scenario.start_session(:t, :nobody, :nobody);
select scenario.start_session(:t, :nobody, :flow, step_id => 'nowhere');
\echo :LAST_ERROR_SQLSTATE
select scenario.preview_reconciliation(:t, :ann, :nobody);
\echo :LAST_ERROR_SQLSTATE

-- Values of the wrong kind.
select scenario.start_session(:t, :nobody, :flow, variables => '[1]');
\echo :LAST_ERROR_SQLSTATE
select scenario.start_session(:t, :nobody, :flow, variables => 'null');
select scenario.submit_fields(:t, :ann, '"age"');
select scenario.submit_fields(:t, :ann, '[{"age": 1}]');
\echo :LAST_ERROR_SQLSTATE
select scenario.record_extraction(:t, :ann, 'f', '1', 1.01);
select scenario.record_extraction(:t, :ann, 'f', '1', 'NaN');
\echo :LAST_ERROR_SQLSTATE
select scenario.advance_session(:t, :ann, 'b', -1);
select scenario.advance_session(:t, :ann, 'b', confidence => 2);
\echo :LAST_ERROR_SQLSTATE
select * from scenario.submit_fields(:t, :ann, '{}');
select * from scenario.submit_fields(:t, :ann, '{"": 1, "nothing": null}');
-- JSON that is deeper than a value may be, and numbers that are larger than a machine's.
select field, accepted, errors
  from scenario.submit_fields(:t, :ann, ('{"deep": ' || repeat('[', 200) || repeat(']', 200) || '}')::jsonb);
select field, accepted, errors
  from scenario.submit_fields(:t, :ann, '{"large": 1e400, "long": 0.1000000000000000000000000000000001}');
select variables - 'large' as variables, length(variables ->> 'large') as digits
  from scenario.sessions where tenant_id = :t and session_id = :ann;
select action from scenario.reconcile_session(:t, :ann);

-- Wrong states.
select scenario.start_session(:t, :ann, :flow);
\echo :LAST_ERROR_SQLSTATE
select scenario.confirm_field(:t, :ann, 'f', true);
\echo :LAST_ERROR_SQLSTATE
select scenario.complete_action(:t, :ann, 'a');
\echo :LAST_ERROR_SQLSTATE
select scenario.submit_decision(:t, :ann, 'a', 'b');
update scenario.sessions set status = 'closed' where tenant_id = :t and session_id = :ann;
select scenario.advance_session(:t, :ann, 'b');
\echo :LAST_ERROR_SQLSTATE
update scenario.sessions set status = 'active', scenario_id = null where tenant_id = :t and session_id = :ann;
select scenario.advance_session(:t, :ann, 'b');
select scenario.complete_action(:t, :ann, 'a');
select scenario.submit_decision(:t, :ann, 'a', 'b');
\echo :LAST_ERROR_SQLSTATE
select action, target_step_id, scenario_version from scenario.reconcile_session(:t, :ann);

-- Nothing was written by any of these.
select count(*) as sessions, max(revision) as revision, max(visit_count) as visits
  from scenario.sessions where tenant_id in (:t, :other);
select count(*) as audit from scenario.migration_audit where tenant_id in (:t, :other);
