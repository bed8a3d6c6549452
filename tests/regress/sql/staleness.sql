-- A plan is stale once a draft has changed in any key that pg_scenario knows, even if the checksum does not cover the
-- key. Keys that pg_scenario does not know, such as layout and tags, do not count. A scenario that was deleted and
-- created again is not taken for the earlier one.
\set t '''a0000000-0000-0000-0000-000000000091'''
\set flow '''b0000000-0000-0000-0000-000000000091'''
\set ann '''c0000000-0000-0000-0000-00000000091a'''
select $$
  '{"name": "Shop", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Basket", "transitions": [{"to_step_id": "act"}]},
    {"id": "act", "name": "Call", "performs_action": true, "transitions": [{"to_step_id": "z"}]},
    {"id": "z", "name": "Done", "is_terminal": true}]}'
$$ as draft \gset
select scenario.create_scenario(:t, '{"name": "Shop", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Basket", "transitions": [{"to_step_id": "z"}]},
  {"id": "z", "name": "Done", "is_terminal": true}]}', :flow) = :flow as created;
select scenario.create_scenario_version(:t, :flow, :draft) as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset

create function pg_temp.edit(path text[], value jsonb)
  returns table (stale boolean, approved text) language plpgsql as
$$
begin
  update scenario.scenario_versions v set definition = jsonb_set(v.definition, path, value)
   where v.tenant_id = 'a0000000-0000-0000-0000-000000000091' and v.version = 2;
  stale := (select scenario.migration_plan(p.tenant_id, p.plan_id) -> 'stale' from scenario.migration_plans p
             where p.tenant_id = 'a0000000-0000-0000-0000-000000000091' and p.is_open);
  begin
    perform scenario.approve_migration_plan(p.tenant_id, p.plan_id) from scenario.migration_plans p
      where p.tenant_id = 'a0000000-0000-0000-0000-000000000091' and p.is_open;
    approved := 'approved';
    raise exception 'take it back' using errcode = 'P0999';
  exception when sqlstate 'P0999' then null; when others then approved := sqlstate;
  end;
  return next;
end $$;

-- What is not known does not count, and neither does a value that is the default.
select * from pg_temp.edit('{layout}', '{"x": 1}');
select * from pg_temp.edit('{steps,0,tags}', '["new"]');
select * from pg_temp.edit('{steps,1,is_required_action}', 'false');
-- What the checksum does not cover counts all the same; a change that is taken back is none.
select * from pg_temp.edit('{steps,1,is_required_action}', 'true');
select * from pg_temp.edit('{steps,1,is_required_action}', 'false');
select * from pg_temp.edit('{steps,1,is_terminal}', 'true');
select * from pg_temp.edit('{steps,1,is_terminal}', 'false');
select * from pg_temp.edit('{name}', '"Store"');
select * from pg_temp.edit('{name}', '"Shop"');
select * from pg_temp.edit('{steps,1,transitions,0,priority}', '5');
select * from pg_temp.edit('{steps,1,transitions,0,priority}', '0');
-- A field that the draft uses counts by its schema and level; how it is asked for does not.
select * from pg_temp.edit('{steps,0,collects_profile_fields}', '["age"]');
select scenario.build_migration_plan(:t, :flow, 2, replace => true) is not null as rebuilt;
insert into scenario.field_definitions (tenant_id, field_name, collection_prompt) values (:t, 'city', 'Where?');
select * from pg_temp.edit('{layout}', '1');
insert into scenario.field_definitions (tenant_id, field_name, schema) values (:t, 'age', '{"type": "integer"}');
select * from pg_temp.edit('{layout}', '2');
select scenario.build_migration_plan(:t, :flow, 2, replace => true) is not null as rebuilt;
update scenario.field_definitions set collection_prompt = 'How old?' where tenant_id = :t and field_name = 'age';
select * from pg_temp.edit('{layout}', '3');
update scenario.field_definitions set required_level = 'soft' where tenant_id = :t and field_name = 'age';
select * from pg_temp.edit('{layout}', '4');
-- The digest that is given by hand is replaced, and nobody changes that of a plan.
update scenario.scenario_versions set digest = 'x' where tenant_id = :t and version = 2;
select digest = scenario.scenario_digest(definition) as kept
  from scenario.scenario_versions where tenant_id = :t order by version;
do $$ begin
  update scenario.migration_plans set to_digest = 'x' where tenant_id = 'a0000000-0000-0000-0000-000000000091';
exception when others then
  raise info '% %', sqlstate, replace(sqlerrm, substring(sqlerrm from '[0-9a-f-]{36}'), '<plan>');
end $$;
select scenario.scenario_digest(null);
select scenario.scenario_digest('{"name": "x"}');

-- Deleted and created again with the same ids, differing in is_required_action alone, in one connection.
create function pg_temp.live(required boolean) returns text language plpgsql as $$
declare
  v_tenant uuid := 'a0000000-0000-0000-0000-000000000091';
  v_flow uuid := 'b0000000-0000-0000-0000-000000000091';
  v_session uuid := 'c0000000-0000-0000-0000-00000000091a';
  v_draft jsonb := '{"name": "Shop", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Basket", "transitions": [{"to_step_id": "act"}]},
    {"id": "act", "name": "Call", "performs_action": true, "transitions": [{"to_step_id": "z"}]},
    {"id": "z", "name": "Done", "transitions": [{"to_step_id": "y"}]},
    {"id": "y", "name": "Thanks", "is_terminal": true}]}';
  v_plan uuid;
begin
  delete from scenario.sessions where tenant_id = v_tenant;
  delete from scenario.scenarios where tenant_id = v_tenant;
  perform scenario.create_scenario(v_tenant, '{"name": "Shop", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Basket", "transitions": [{"to_step_id": "z"}]},
    {"id": "z", "name": "Done", "transitions": [{"to_step_id": "y"}]},
    {"id": "y", "name": "Thanks", "is_terminal": true}]}', v_flow);
  perform scenario.start_session(v_tenant, v_session, v_flow);
  perform scenario.advance_session(v_tenant, v_session, 'z');
  perform scenario.create_scenario_version(v_tenant, v_flow,
    jsonb_set(v_draft, '{steps,1,is_required_action}', to_jsonb(required)));
  v_plan := scenario.build_migration_plan(v_tenant, v_flow, 2);
  perform scenario.set_anchor_policy(v_tenant, v_plan,
    (select anchor_content_hash from scenario.plan_anchors
      where tenant_id = v_tenant and plan_id = v_plan and old_step_id = 'z'),
    '{"force_scenario": "gap_fill"}');
  perform scenario.approve_migration_plan(v_tenant, v_plan);
  perform scenario.deploy_migration_plan(v_tenant, v_plan);
  return (select action from scenario.reconcile_session(v_tenant, v_session));
end $$;
select pg_temp.live(false) as optional;
select pg_temp.live(true) as required;
