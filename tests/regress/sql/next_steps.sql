-- Which way a session would go now, and what is missing for the others.
\set SHOW_CONTEXT never
\set t '''a0000000-0000-0000-0000-000000000093'''
\set flow '''b0000000-0000-0000-0000-000000000093'''
\set ann '''c0000000-0000-0000-0000-00000000093a'''
\set customer '''d0000000-0000-0000-0000-00000000093a'''
select $$
  select to_step_id as to, condition_text, condition_kind as kind, truth, missing_fields as missing, taken,
         already_done as done
    from scenario.next_steps
$$ as next \gset
select scenario.create_scenario(:t, '{"name": "Bar", "entry_step_id": "door", "steps": [
  {"id": "door", "name": "Door", "collects_profile_fields": ["age", "member"], "transitions": [
    {"to_step_id": "bar", "condition_text": "age >= 18 || member", "priority": 1},
    {"to_step_id": "home", "condition_text": "age < 18", "priority": 5}]},
  {"id": "bar", "name": "Bar", "transitions": [
    {"to_step_id": "wine", "condition_text": "the customer looks thirsty", "condition_fields": ["age", "thirst"]},
    {"to_step_id": "home", "condition_text": "the customer looks tired"}, {"to_step_id": "wine"}]},
  {"id": "wine", "name": "Wine", "performs_action": true, "is_required_action": true,
   "transitions": [{"to_step_id": "home"}]},
  {"id": "home", "name": "Home", "is_terminal": true}]}', :flow) = :flow as created;
insert into scenario.field_definitions (tenant_id, field_name, schema) values (:t, 'age', '{"type": "integer"}');
select (scenario.start_session(:t, :ann, :flow, customer_id => :customer)).step_id;
:next(:t, :ann);
-- An expired value is none, a valid one of the profile is known, and what the session says counts.
insert into scenario.profile_fields (tenant_id, customer_id, field_name, value, expires_at)
values (:t, :customer, 'age', '40', '2020-01-01');
:next(:t, :ann);
update scenario.profile_fields set expires_at = null where tenant_id = :t;
:next(:t, :ann);
update scenario.profile_fields set needs_confirmation = true where tenant_id = :t;
:next(:t, :ann);
delete from scenario.profile_fields where tenant_id = :t;
update scenario.sessions set variables = '{"age": 17}' where tenant_id = :t;
:next(:t, :ann);
update scenario.sessions set variables = '{"age": "seventeen"}' where tenant_id = :t;
:next(:t, :ann);
-- Natural language is unknown.
select (scenario.advance_session(:t, :ann, 'bar')).step_id;
:next(:t, :ann);
select scenario.submit_decision(:t, :ann, 'bar', 'home');
:next(:t, :ann);
-- Nothing was asked or written.
select (select count(*) from scenario.migration_audit where tenant_id = :t) as audit,
       (select count(*) from scenario.field_attempts where tenant_id = :t) as attempts;
begin read only;
:next(:t, :ann);
rollback;
-- An end, no scenario, no session, another tenant's, NULL.
update scenario.sessions set step_id = 'home' where tenant_id = :t;
:next(:t, :ann);
update scenario.sessions set scenario_id = null where tenant_id = :t;
:next(:t, :ann);
:next(:t, 'c0000000-0000-0000-0000-0000000000ff');
:next('a0000000-0000-0000-0000-0000000000ff', :ann);
:next(:t, null);
:next(null, :ann);
