-- The application's own sources of values: a function in place of the profile, and one in place of the patterns
-- ("Gap fill").
\set t  '''a0000000-0000-0000-0000-000000000031'''
\set flow '''b0000000-0000-0000-0000-000000000031'''
\set ann '''c0000000-0000-0000-0000-00000000003a'''
\set bob '''c0000000-0000-0000-0000-00000000003b'''
\set customer_ann '''d0000000-0000-0000-0000-00000000003a'''
\set turn 'select action, collect_fields, confirm_fields, fields_filled from scenario.reconcile_session'
\set preview 'select action, collect_fields, confirm_fields, fields_filled from scenario.preview_reconciliation'

select scenario.create_scenario(:t, '{"name": "Care", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "advice"}]},
  {"id": "advice", "name": "Advice"}]}', :flow) = :flow as created;
insert into scenario.field_definitions (tenant_id, field_name, schema, extraction_pattern) values
  (:t, 'age', '{"type": "integer", "minimum": 0, "maximum": 120}', 'I am (\d+)'),
  (:t, 'country', '{"enum": ["KE", "TZ", "UG"]}', null);
select (scenario.start_session(:t, :ann, :flow, customer_id => :customer_ann)).step_id as ann,
       (scenario.start_session(:t, :bob, :flow)).step_id as bob;
select (scenario.advance_session(:t, :ann, 'advice')).step_id as ann,
       (scenario.advance_session(:t, :bob, 'advice')).step_id as bob;
select scenario.create_scenario_version(:t, :flow, '{"name": "Care", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "about"}]},
  {"id": "about", "name": "About you", "collects_profile_fields": ["age", "country"],
   "transitions": [{"to_step_id": "advice"}]},
  {"id": "advice", "name": "Advice"}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');

-- What is not a function's name, is not there, or has another signature, is told when it is first used.
set scenario.profile_source = 'customers_value';
set scenario.profile_source = 'app.no_such_function';
:preview(:t, :ann);
set scenario.profile_source = 'a.b.c';
:preview(:t, :ann);
set scenario.profile_source = 'app.; drop table x';
:preview(:t, :ann);
create schema app;
create function app.value_of(tenant_id uuid, field text) returns jsonb language sql as 'select null::jsonb';
create function app.value_of(tenant_id uuid, customer_id uuid, field text)
  returns table (value text, confidence double precision)
  language sql as 'select null::text, null::double precision';
set scenario.profile_source = 'app.value_of';
:preview(:t, :ann);
set scenario.extraction_source = 'pg_catalog.now';
set scenario.profile_source = '';
:preview(:t, :bob);
reset scenario.extraction_source;

-- A table that the application has; its names need quotes.
create schema "My App";
create table "My App".customers (tenant uuid, id uuid, age int, age_is_certain boolean, country text);
insert into "My App".customers values (:t, :customer_ann, 34, false, 'Kenya');
create function "My App"."Value of"(tenant_id uuid, customer_id uuid, field text)
  returns table (value jsonb, confidence double precision, needs_confirmation boolean)
  language sql stable as $$
    select v.value, null::double precision, v.needs_confirmation
      from "My App".customers c,
           lateral (values ('age', to_jsonb(c.age), not c.age_is_certain), ('country', to_jsonb(c.country), false))
                   as v(field, value, needs_confirmation)
     where c.tenant = $1 and c.id = $2 and v.field = $3 and v.value is not null
$$;
set scenario.profile_source = '"My App"."Value of"';
-- Kenya is no country of the list, so it is asked for; the age is to be confirmed.
:turn(:t, :ann);
select p ->> 'field' as field, p ->> 'ask' as ask, p -> 'rejected' as rejected, p -> 'found' as found
from scenario.preview_reconciliation(:t, :ann), jsonb_array_elements(prompts) as p;
-- It is the value that was asked about that is confirmed, whatever the table says by then.
update "My App".customers set age = 35;
select * from scenario.confirm_field(:t, :ann, 'age', true);
update "My App".customers set age = 34, country = 'KE';
select variables from scenario.sessions where tenant_id = :t and session_id = :ann;
-- The table goes on to say that it is not certain: nobody is asked again for what they have confirmed.
begin;
:turn(:t, :ann);
select variables from scenario.sessions where tenant_id = :t and session_id = :ann;
rollback;
-- What they deny is not used again; the next source is asked, and then they are.
update scenario.sessions set variables = '{}' where tenant_id = :t and session_id = :ann;
:turn(:t, :ann);
select * from scenario.confirm_field(:t, :ann, 'age', false);
:turn(:t, :ann);
-- Another value of the table is another matter. Who says something else than what they were to confirm has denied that.
update "My App".customers set age = 36;
:turn(:t, :ann);
select * from scenario.submit_fields(:t, :ann, '{"age": 37}');
select field_name, value, reason
  from scenario.field_attempts where tenant_id = :t and session_id = :ann order by attempt_no;
:turn(:t, :ann);
select step_id, scenario_version, variables from scenario.sessions where tenant_id = :t and session_id = :ann;
reset scenario.profile_source;

-- In place of the patterns: what the application's own function makes of the conversation.
create table app.answers (session_id uuid, field text, value jsonb, confidence double precision, quote text);
create function app.extract(tenant_id uuid, session_id uuid, field text)
  returns table (value jsonb, confidence double precision, quote text)
  language sql stable as $$ select a.value, a.confidence, a.quote
    from app.answers a where a.session_id = $2 and a.field = $3 $$;
set scenario.extraction_source = 'app.extract';
insert into scenario.messages (tenant_id, session_id, role, content) values (:t, :bob, 'customer', 'I am 20');
:preview(:t, :bob);
insert into app.answers
values (:bob, 'age', '50', 0.80, 'fifty, or so'), (:bob, 'country', '"UG"', 0.97, 'from Kampala');
:preview(:t, :bob);
update app.answers set confidence = null where field = 'age';
:preview(:t, :bob);
update app.answers set confidence = 'NaN' where field = 'age';
:preview(:t, :bob);
update app.answers set confidence = 0.9 where field = 'age';
:turn(:t, :bob);
select * from scenario.confirm_field(:t, :bob, 'age', false);
:turn(:t, :bob);
update app.answers set value = '51', confidence = 0.99 where field = 'age';
-- Off is off.
set scenario.extraction_enabled = off;
:preview(:t, :bob);
reset scenario.extraction_enabled;

-- It runs with the caller's rights, and what it raises ends the turn.
create or replace function app.extract(tenant_id uuid, session_id uuid, field text)
  returns table (value jsonb, confidence double precision, quote text) language plpgsql as $$
begin
  raise exception 'the model is ill' using errcode = 'lock_not_available', hint = 'call a doctor',
    detail = 'called by the session''s user: ' || (current_user = session_user);
end $$;
:turn(:t, :bob);
\echo :LAST_ERROR_SQLSTATE
select step_id, scenario_version from scenario.sessions where tenant_id = :t and session_id = :bob;
reset scenario.extraction_source;
set client_min_messages = warning;
drop schema app cascade;
drop schema "My App" cascade;
reset client_min_messages;
