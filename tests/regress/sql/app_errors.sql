-- Errors that an application's own trigger raises arrive with their own SQLSTATE: in a turn, in a batch, and in
-- between.
\set VERBOSITY sqlstate
\set t '''a7000000-0000-4000-8000-000000000001'''
\set shop '''a7000000-0000-4000-8000-0000000000aa'''
select scenario.create_scenario(:t, '{"name": "Shop", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]}, {"id": "b", "name": "B", "is_terminal": true}]}',
  :shop) = :shop as created;
select count(scenario.start_session(:t, md5('a7' || n)::uuid, :shop)) as started from generate_series(1, 6) as n;
create function pg_temp.refuse() returns trigger language plpgsql as $$
begin
  if new.scenario_version = 2 then
    case new.session_id
      when md5('a71')::uuid then raise exception 'no code';
      when md5('a72')::uuid then raise exception 'a code of our own' using errcode = 'P0042', hint = 'h', detail = 'd';
      when md5('a73')::uuid then raise exception 'a known code' using errcode = 'check_violation';
      when md5('a74')::uuid then
        -- One error is dealt with, and another one is raised.
        begin
          raise exception 'first' using errcode = 'ABC01';
        exception when others then
          raise exception 'then' using errcode = 'ABC02';
        end;
      when md5('a75')::uuid then
        begin
          raise exception 'dealt with' using errcode = 'ABC03';
        exception when sqlstate 'ABC03' then
          null;
        end;
      else
        perform scenario.advance_session(new.tenant_id, new.session_id, null);
    end case;
  end if;
  return new;
end
$$;
create trigger zzz before update on scenario.sessions for each row execute function pg_temp.refuse();
select scenario.create_scenario_version(:t, :shop, '{"name": "Shop", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "c"}]},
  {"id": "c", "name": "C", "is_terminal": true}]}') as v;
select scenario.build_migration_plan(:t, :shop, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
select action from scenario.reconcile_session(:t, md5('a71')::uuid);
select action from scenario.reconcile_session(:t, md5('a72')::uuid);
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
select action from scenario.reconcile_session(:t, md5('a73')::uuid);
select action from scenario.reconcile_session(:t, md5('a74')::uuid);
select action from scenario.reconcile_session(:t, md5('a76')::uuid);
-- An error of the extension's own, after one of the application's.
select action from scenario.reconcile_session(:t, md5('a7')::uuid);
do $$
declare
  hint text;
  detail text;
begin
  perform scenario.reconcile_session('a7000000-0000-4000-8000-000000000001', md5('a72')::uuid);
exception when sqlstate 'P0042' then
  get stacked diagnostics hint = pg_exception_hint, detail = pg_exception_detail;
  raise notice '% % % %', sqlstate, sqlerrm, hint, detail;
end
$$;
call scenario.migrate_sessions(:t, :'plan');
select sqlstate, message from scenario.batch_errors where tenant_id = :t order by message;
select count(*) as moved from scenario.sessions where tenant_id = :t and scenario_version = 2;
drop trigger zzz on scenario.sessions;
