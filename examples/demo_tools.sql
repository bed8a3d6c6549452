-- What the demo needs to be short: temporary functions that start customers on their way and print one turn.
-- Nothing here is part of pg_scenario. A backend calls scenario.reconcile_session and reads its row.

-- The same name has the same id each time, so that the story can be told by names.
create function pg_temp.id(name text) returns uuid
    language sql immutable as $$ select md5(name)::uuid $$;

-- Starts a session and walks it along the names of the steps, one turn a step, as a backend does.
create function pg_temp.walk(tenant uuid, scenario uuid, name text, variables jsonb, steps text[]) returns void
    language plpgsql as $$
declare
    v_session uuid := pg_temp.id(name || '''s session');
    v_step    text;
    v_turn    integer := 0;
begin
    perform scenario.start_session(tenant_id => tenant, session_id => v_session, scenario_id => scenario,
                                   channel => 'whatsapp', customer_id => pg_temp.id(name), variables => variables);
    foreach v_step in array steps loop
        v_turn := v_turn + 1;
        perform scenario.advance_session(
            tenant_id => tenant, session_id => v_session, turn_number => v_turn, reason => 'the customer answered',
            to_step_id => (select st.step_id
                             from scenario.scenario_steps st
                             join scenario.sessions se on (se.tenant_id, se.scenario_id, se.scenario_version)
                                                        = (st.tenant_id, st.scenario_id, st.version)
                            where se.tenant_id = tenant and se.session_id = v_session and st.name = v_step));
    end loop;
end
$$;

-- What the application's profile knows about a customer.
create function pg_temp.knows(tenant uuid, name text, fields jsonb) returns void
    language sql as $$
    insert into scenario.profile_fields (tenant_id, customer_id, field_name, value)
    select tenant, pg_temp.id(name), key, value from jsonb_each(fields)
    on conflict (tenant_id, customer_id, field_name) do update set value = excluded.value
$$;

-- Where everybody is: one row a customer of the story.
create function pg_temp.people(tenant uuid, names text[])
    returns table (customer text, "is at" text, version integer, "profile knows" text)
    language sql as $$
    select n.name, st.name, se.scenario_version,
           (select string_agg(pf.field_name || ' ' || (pf.value #>> '{}'), ', ' order by pf.field_name)
              from scenario.profile_fields pf where pf.tenant_id = tenant and pf.customer_id = pg_temp.id(n.name))
      from unnest(names) with ordinality as n(name, place)
      join scenario.sessions se on se.tenant_id = tenant and se.session_id = pg_temp.id(n.name || '''s session')
      left join scenario.scenario_steps st on (st.tenant_id, st.scenario_id, st.version, st.step_id)
                                            = (se.tenant_id, se.scenario_id, se.scenario_version, se.step_id)
     order by n.place
$$;

-- Breaks a text into lines of at most 88 characters.
create function pg_temp.lines(content text) returns setof text
    language plpgsql immutable strict as $$
declare
    v_word text;
    v_line text := '';
begin
    foreach v_word in array regexp_split_to_array(trim(content), '\s+') loop
        if v_line <> '' and length(v_line) + 1 + length(v_word) > 88 then
            return next v_line;
            v_line := v_word;
        else
            v_line := ltrim(v_line || ' ' || v_word);
        end if;
    end loop;
    if v_line <> '' then
        return next v_line;
    end if;
end
$$;

-- A plan's warnings that concern somebody, one row a line. The quiet ones (info) are left out.
create function pg_temp.warnings(tenant uuid, plan uuid) returns table (severity text, warning text, sessions text)
    language sql as $$
    select case l.no when 1 then w ->> 'severity' end, l.line, case l.no when 1 then w ->> 'sessions' end
      from scenario.migration_summary(tenant, plan) as s,
           jsonb_array_elements(s -> 'warnings') with ordinality as every(w, place),
           pg_temp.lines(w ->> 'message') with ordinality as l(line, no)
     where w ->> 'severity' <> 'info' and (w ->> 'sessions')::bigint > 0
     order by place, l.no
$$;

-- The replay of explain_reconciliation in sentences.
create function pg_temp.replay(tenant uuid, session uuid) returns setof text
    language plpgsql as $$
declare
    r         record;
    v_visited text[] := '{}';
    v_told    text[] := '{}';
    v_now     text;
begin
    for r in
        select e.step_name, e.event, e.detail from scenario.explain_reconciliation(tenant, session) e order by e.seq
    loop
        if r.event = 'fork' and r.detail ->> 'why' like '%choice stands' then
            continue;  -- a fork that they went through before and that did not change
        elsif r.event = 'visited' then
            v_visited := v_visited || r.step_name;
            continue;
        elsif v_visited <> '{}' then
            v_told := v_told || ('they walked ' || array_to_string(v_visited, ', '));
            v_visited := '{}';
        end if;
        v_now := case
            when r.event = 'way' and jsonb_array_length(r.detail -> 'plan_ids') > 1 then
                format('%s plans, one after the other, from version %s to %s',
                       jsonb_array_length(r.detail -> 'plan_ids'), r.detail ->> 'from_version',
                       r.detail ->> 'to_version')
            when r.event = 'inserted' then
                format('new on their way: %s', r.step_name)
            when r.event = 'passed_before' then
                format('%s: the old version had let them past it', r.step_name)
            when r.event = 'edited' then
                format('%s was edited', r.step_name)
            when r.event = 'field' and r.detail ? 'found_in' then
                format('%s: %s found in the %s', r.step_name, r.detail ->> 'field', r.detail ->> 'found_in')
            when r.event = 'field' and r.detail ? 'missing' then
                format('%s: %s is not known', r.step_name, r.detail ->> 'field')
            when r.event = 'field' then
                format('%s: goes on without %s, which is optional', r.step_name, r.detail ->> 'field')
            when r.event = 'required_action' then
                format('%s: an action that everybody must get, %s', r.step_name,
                       case when (r.detail ->> 'completed')::boolean then 'done' else 'not done yet' end)
            when r.event = 'fork' and r.detail ? 'skipped' then
                format('fork at %s: "%s" is %s', r.step_name, r.detail #>> '{skipped,condition_text}',
                       r.detail ->> 'why')
            when r.event = 'fork' and r.detail #>> '{taken,condition_text}' <> '' then
                format('fork at %s: "%s" %s', r.step_name, r.detail #>> '{taken,condition_text}', r.detail ->> 'why')
            when r.event = 'fork' then
                format('fork at %s: otherwise %s', r.step_name, r.detail ->> 'why')
            when r.event = 'checkpoint' and r.detail ? 'blocked' then
                format('checkpoint passed: %s', r.detail #>> '{blocked,checkpoint_name}')
            when r.event = 'redirect' then
                format('they belong at %s', r.step_name)
            when r.event = 'relocation' then
                format('their step is gone; the nearest place is %s', r.step_name)
        end;
        if v_now is not null and v_now is distinct from v_told[cardinality(v_told)] then
            v_told := v_told || v_now;
        end if;
    end loop;
    if v_visited <> '{}' then
        v_told := v_told || ('they walked ' || array_to_string(v_visited, ', '));
    end if;
    return query select unnest(v_told);
end
$$;

-- One turn: explains, reconciles and prints both.
create function pg_temp.turn(tenant uuid, name text) returns table (label text, line text)
    language plpgsql as $$
declare
    v_session uuid := pg_temp.id(name || '''s session');
    v_replay  text[];
    v_row     record;
    v_now     record;
begin
    v_replay := array(select pg_temp.replay(tenant, v_session));
    select * into strict v_row from scenario.reconcile_session(tenant, v_session);
    select st.name, se.scenario_version as version into v_now
      from scenario.sessions se
      left join scenario.scenario_steps st on (st.tenant_id, st.scenario_id, st.version, st.step_id)
                                            = (se.tenant_id, se.scenario_id, se.scenario_version, se.step_id)
     where se.tenant_id = tenant and se.session_id = v_session;

    return query
    with told (place, label, content) as (
        values (1, 'action', v_row.action || coalesce(' (' || v_row.migration_scenario || ')', '')),
               (2, 'why', v_row.reason),
               (4, 'warning', v_row.checkpoint_warning),
               (5, 'to do', (select string_agg(st.name, ', ')
                               from scenario.sessions se
                               join scenario.scenario_steps st
                                 on st.tenant_id = se.tenant_id and st.scenario_id = se.scenario_id
                                    and st.version = coalesce(se.pending_target_version, se.scenario_version)
                              where se.tenant_id = tenant and se.session_id = v_session
                                and st.step_id = any (v_row.execute_step_ids))),
               (6, 'customer', '"' || v_row.user_message || '"'),
               (7, 'now at', coalesce(v_now.name || ', version ' || v_now.version, 'no scenario'))
    ), replayed as (
        select 3 as place, r.no, case r.no when 1 then 'replay' else '' end as label, r.line
          from (select row_number() over () as no, l as line
                  from unnest(v_replay) as sentence, pg_temp.lines(sentence) as l) as r
    ), wrapped as (
        select t.place, l.no, case l.no when 1 then t.label else '' end as label, l.line
          from told t, pg_temp.lines(t.content) with ordinality as l(line, no)
    )
    select '    ' || rpad(every.label, 9), every.line
      from (select * from replayed union all select * from wrapped) as every
     order by every.place, every.no;
end
$$;

-- Tables of a plan's summary.
create function pg_temp.summary_steps(tenant uuid, plan uuid)
    returns table ("customers at" text, sessions bigint, "what it takes" text)
    language sql as $$
    select a ->> 'anchor_name', (a ->> 'sessions')::bigint,
           case a ->> 'migration_scenario'
               when 'clean_graft' then 'nothing, moved in silence'
               when 'gap_fill' then 'new data, looked up or asked'
               else 'new forks: decided customer by customer'
           end
      from scenario.migration_summary(tenant, plan) as s, jsonb_array_elements(s #> '{sessions,by_anchor}') as a
    union all
    select d ->> 'name', (d ->> 'sessions')::bigint, 'the step is deleted: moved to the nearest one'
      from scenario.migration_summary(tenant, plan) as s, jsonb_array_elements(s -> 'deleted_steps') as d
     where (d ->> 'sessions')::bigint > 0
$$;

-- The audit of one customer.
create function pg_temp.record(tenant uuid, name text)
    returns table ("no." integer, version text, action text, "what and why" text)
    language sql as $$
    select case told.line when 1 then told.revision end, case told.line when 1 then told.version end,
           case told.line when 1 then told.action end, told.content
      from (select a.revision, a.from_version || ' to ' || a.to_version as version, a.action, c.content,
                   row_number() over (partition by a.revision order by c.place) as line
              from scenario.migration_audit a,
                   lateral (values (1, a.reason),
                                   (2, 'asked for ' || nullif(array_to_string(a.fields_asked, ', '), '')),
                                   (3, (select string_agg(f.key || ' from the ' || f.value, ', ')
                                          from jsonb_each_text(a.fields_filled) as f))) as c(place, content)
             where a.tenant_id = tenant and a.session_id = pg_temp.id(name || '''s session')
               and c.content is not null) as told
     order by told.revision, told.line
$$;
