-- Second part: an onboarding in three versions. Version 3 comes from another editor, which made every step id anew.

\set mothers_v1 `cat :'examples'/maternal_health_v1.json`
\set mothers_v2 `cat :'examples'/maternal_health_v2.json`
\set mothers_v3 `cat :'examples'/maternal_health_v3.json`
\set mothers_fields `cat :'examples'/maternal_health_fields.json`
select pg_temp.id('the mothers'' line') as line \gset

\echo
\echo 'PART TWO: THE MOTHERS'' LINE'
\echo '==========================='
\echo
\echo 'A free service for mothers, in three versions. Here steps have UUIDs, as editors make them.'
\echo 'In version 2 the welcome is reworded, and the question about the mood is gone. A privacy notice must reach'
\echo 'everybody, and very young mothers get a nurse of their own. Two steps were deleted and made again, with new ids.'
\echo
select scenario.create_scenario(:'line', :'mothers_v1') as onboarding \gset
insert into scenario.field_definitions (tenant_id, field_name, display_name, schema, collection_prompt, extraction_hint,
                                        extraction_pattern, required_level)
select :'line', f.field_name, f.display_name, f.schema, f.collection_prompt, f.extraction_hint, f.extraction_pattern,
       coalesce(f.required_level, 'hard')
  from jsonb_to_recordset(:'mothers_fields')
       as f(field_name text, display_name text, schema jsonb, collection_prompt text, extraction_hint text,
            extraction_pattern text, required_level text);
select pg_temp.knows(:'line', 'Imani', '{"age": 27}'),
       pg_temp.knows(:'line', 'Lulu', '{"age": 31, "danger_signs": false}')
\g /dev/null
select pg_temp.walk(:'line', :'onboarding', 'Hawa', '{}', '{}'),
       pg_temp.walk(:'line', :'onboarding', 'Imani',
                    '{"language": "sw", "consent_given": true, "preferred_name": "Imani", "stage": "pregnant",
                      "due_date": "2027-02", "clinic": "Riverside"}',
                    '{Choose your language,Ask for consent,Consent signed,Your name,Pregnant or already a mother,
                      Due date,Your clinic,How are you feeling today}'),
       pg_temp.walk(:'line', :'onboarding', 'Lulu',
                    '{"language": "fr", "consent_given": true, "preferred_name": "Lulu", "stage": "pregnant"}',
                    '{Choose your language,Ask for consent,Consent signed,Your name,Pregnant or already a mother,
                      Due date}')
\g /dev/null
with route (steps) as (
    values ('{Choose your language,Ask for consent,Consent signed,Your name,Pregnant or already a mother,Due date,
              Your clinic,How are you feeling today,Check your details,Send the registration,
              When shall we write}'::text[])
)
select pg_temp.walk(:'line', :'onboarding', 'mother ' || n, '{"consent_given": true, "stage": "pregnant"}',
                    steps[1:n % 12])
  from route, generate_series(1, 36) as n
\g /dev/null
select * from pg_temp.people(:'line', '{Hawa,Imani,Lulu}');

select scenario.create_scenario_version(:'line', :'onboarding', :'mothers_v2') \g /dev/null
select scenario.build_migration_plan(:'line', :'onboarding', 2) as plan \gset
select pa.name as step, coalesce(pa.pairing, 'deleted') as "paired by", (pa.old_step_id <> pa.new_step_id) as "new id",
       pa.migration_scenario as "what it takes"
  from scenario.plan_anchors pa
 where pa.tenant_id = :'line' and pa.plan_id = :'plan'
   and (pa.pairing is distinct from 'content' or pa.old_step_id <> pa.new_step_id)
 order by pa.ordinal;
select scenario.approve_migration_plan(:'line', :'plan', 'Nurse Abeni') \g /dev/null
select d.sessions_marked from scenario.deploy_migration_plan(:'line', :'plan', 'Nurse Abeni') as d;

\pset tuples_only on
\pset format aligned
\pset border 0

\echo '6. HAWA IS IN A STEP THAT WAS REWORDED'
\echo '   The welcome says the same in other words. An edit of wording throws nobody out of the step they are in.'
select * from pg_temp.turn(:'line', 'Hawa');

\echo '7. IMANI''S STEP WAS DELETED'
\echo '   "How are you feeling today" is gone. Before she is moved to the nearest place, she must get the privacy'
\echo '   notice, which the law wants everybody to have.'
select * from pg_temp.turn(:'line', 'Imani');
\echo '   The backend sends it and says so:'
\echo
\echo '    select scenario.complete_action(tenant_id, session_id, step_id);'
\echo
select scenario.complete_action(:'line', pg_temp.id('Imani''s session'), st.step_id)
  from scenario.scenario_steps st
 where st.tenant_id = :'line' and st.scenario_id = :'onboarding' and st.version = 2
   and st.name = 'Send the privacy notice'
\g /dev/null
select * from pg_temp.turn(:'line', 'Imani');

\echo '8. THEN THE LINE MOVES TO ANOTHER EDITOR'
\echo '   Version 3 comes with new ids for every step. It asks for danger signs, has an answer for a mother who lost'
\echo '   her baby, and would like a number for emergencies. In the meantime Hawa and Kadi have gone on with version 2,'
\echo '   and a nurse has noted in Kadi''s profile what happened to her.'
\echo
select pg_temp.walk(:'line', :'onboarding', 'Kadi',
                    '{"language": "en", "consent_given": true, "preferred_name": "Kadi", "age": 29, "stage": "pregnant",
                      "due_date": "2026-12"}',
                    '{Choose your language,Ask for consent,Consent signed,Send the privacy notice,Your name,Your age,
                      Pregnant or already a mother,Due date,Your clinic}')
\g /dev/null
select pg_temp.knows(:'line', 'Kadi', '{"stage": "loss"}')
\g /dev/null
select scenario.advance_session(:'line', pg_temp.id('Hawa''s session'), st.step_id, 1)
  from scenario.scenario_steps st
 where st.tenant_id = :'line' and st.scenario_id = :'onboarding' and st.version = 2 and st.name = 'Choose your language'
\g /dev/null
\pset tuples_only off
\pset format wrapped
\pset border 1
select scenario.create_scenario_version(:'line', :'onboarding', :'mothers_v3') \g /dev/null
select scenario.build_migration_plan(:'line', :'onboarding', 3) as plan \gset
select scenario.approve_migration_plan(:'line', :'plan', 'Nurse Abeni') \g /dev/null
select s #>> '{anchors,total}' as "steps kept", s ->> 'steps_edited' as "of these reworded",
       s ->> 'steps_inserted' as "new", s ->> 'steps_deleted' as deleted,
       (select count(*) from scenario.plan_anchors pa
         where pa.tenant_id = :'line' and pa.plan_id = :'plan'
           and pa.old_step_id <> pa.new_step_id) as "with another id"
  from scenario.migration_summary(:'line', :'plan') as s;
select d.sessions_marked from scenario.deploy_migration_plan(:'line', :'plan', 'Nurse Abeni') as d;
\pset tuples_only on
\pset format aligned
\pset border 0

\echo '   Hawa notices nothing: what a step means counts, not its id.'
select * from pg_temp.turn(:'line', 'Hawa');
\echo '   Kadi would have been asked for her clinic next, as if nothing had happened. The fork at "Pregnant or already'
\echo '   a mother" has a branch more now, and it is hers. That step speaks for itself, so the general message is'
\echo '   switched off:'
\echo
\echo '    set scenario.notify_user = off;'
\echo
set scenario.notify_user = off;
select * from pg_temp.turn(:'line', 'Kadi');
reset scenario.notify_user;
\echo '   Imani is asked about danger signs, which nobody knows, but not for the number, which is optional.'
select * from pg_temp.turn(:'line', 'Imani');
select submitted.field || ': ' || case when submitted.accepted then 'accepted' else 'refused' end
  from scenario.submit_fields(:'line', pg_temp.id('Imani''s session'), '{"danger_signs": false}') as submitted
\g /dev/null
\echo '   She says no:'
select * from pg_temp.turn(:'line', 'Imani');

\echo '9. LULU HAS SLEPT THROUGH VERSION 2'
\echo '   She still walks version 1, and is moved to version 3 at once. She, too, must get the privacy notice first.'
select * from pg_temp.turn(:'line', 'Lulu');
select scenario.complete_action(:'line', pg_temp.id('Lulu''s session'), st.step_id)
  from scenario.scenario_steps st
 where st.tenant_id = :'line' and st.scenario_id = :'onboarding' and st.version = 3
   and st.name = 'Send the privacy notice'
\g /dev/null
select * from pg_temp.turn(:'line', 'Lulu');

\pset tuples_only off
\pset format wrapped
\pset border 1
\echo 'How far the two deployments have come. The others are moved at their next message, whenever it comes:'
\echo
select p.from_version || ' to ' || p.to_version as version, d.status, d.marked, d.applied, d.pending, d.collecting,
       (select string_agg(a.value || ' ' || a.key, ', ' order by a.key) from jsonb_each_text(d.by_action) as a) as turns
  from scenario.migration_plans p, lateral scenario.deployment_status(p.tenant_id, p.plan_id) as d
 where p.tenant_id = :'line'
 order by p.from_version;
\echo 'And what is on record about Imani, permanently. Never a value, only where it came from:'
\echo
select * from pg_temp.record(:'line', 'Imani');
