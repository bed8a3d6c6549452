-- A turn that has nothing to do finds its rows by their keys. It sees what a query of its caller would see, and no
-- more: rights, row security, what the transaction has written ("A turn").
\set t  '''a0000000-0000-0000-0000-0000000000e1'''
\set flow '''b0000000-0000-0000-0000-0000000000e1'''
\set ann '''c0000000-0000-0000-0000-0000000000e1'''
\set bob '''c0000000-0000-0000-0000-0000000000e2'''
\set turn 'select action, target_step_id, scenario_version, reason from scenario.reconcile_session'

select scenario.create_scenario(:t, '{"name": "Flow", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]},
  {"id": "b", "name": "B", "is_terminal": true}]}', :flow) = :flow as created;
select scenario_version, step_id from scenario.start_session(:t, :ann, :flow);
select scenario_version, step_id from scenario.start_session(:t, :bob, :flow);
:turn(:t, :ann);

-- In a transaction that has written, a turn sees what was written, also by the same statement.
begin;
update scenario.sessions set step_id = 'b' where tenant_id = :t and session_id = :ann;
:turn(:t, :ann);
rollback;
:turn(:t, :ann);

-- A role without any right on the tables.
create role regress_scenario_turns;
grant usage on schema scenario to regress_scenario_turns;
grant execute on function scenario.reconcile_session(uuid, uuid) to regress_scenario_turns;
set role regress_scenario_turns;
:turn(:t, :ann);
reset role;

-- Row security: a session that a policy hides does not exist.
grant select on scenario.sessions, scenario.scenarios to regress_scenario_turns;
alter table scenario.sessions enable row level security;
create policy anns on scenario.sessions for select to regress_scenario_turns
  using (session_id = 'c0000000-0000-0000-0000-0000000000e1');
set role regress_scenario_turns;
:turn(:t, :ann);
:turn(:t, :bob);
reset role;
drop policy anns on scenario.sessions;
alter table scenario.sessions disable row level security;
set role regress_scenario_turns;
:turn(:t, :bob);
reset role;

-- An id of another tenant's, and one that nobody has.
:turn('a0000000-0000-0000-0000-0000000000e2', :ann);
:turn(:t, 'c0000000-0000-0000-0000-0000000000ff');

revoke all on scenario.sessions, scenario.scenarios from regress_scenario_turns;
revoke all on function scenario.reconcile_session(uuid, uuid) from regress_scenario_turns;
revoke all on schema scenario from regress_scenario_turns;
drop role regress_scenario_turns;
