-- Sessions: starting, walking on, and the history ("Sessions and history").
\set t  '''a0000000-0000-0000-0000-000000000001'''
\set order '''b0000000-0000-0000-0000-000000000001'''
\set ann '''c0000000-0000-0000-0000-00000000000a'''
\set bob '''c0000000-0000-0000-0000-00000000000b'''
\set customer '''d0000000-0000-0000-0000-00000000000a'''
\set place 'select scenario_version, step_id, turn_count, visit_count, status from'
select $$
  select visit_no, step_id, step_name, scenario_version as version, turn_number as turn, reason, confidence,
         is_checkpoint, checkpoint_description
    from scenario.step_visits where tenant_id =
$$ as history \gset

select scenario.create_scenario(:t, '{"name": "Order", "entry_step_id": "welcome", "steps": [
  {"id": "welcome", "name": "Welcome", "transitions": [{"to_step_id": "browse"}]},
  {"id": "browse", "name": "Browse", "transitions": [
    {"to_step_id": "browse", "condition_text": "the customer keeps looking", "priority": 1}, {"to_step_id": "pay"}]},
  {"id": "pay", "name": "Pay", "is_checkpoint": true, "checkpoint_description": "money moved",
   "transitions": [{"to_step_id": "thanks"}]},
  {"id": "thanks", "name": "Thanks", "is_terminal": true}]}', :order) = :order as created;

-- A session starts at the entry of the published version.
:place scenario.start_session(:t, :ann, :order);
select channel, customer_id, variables, reconciled_deployments, pending_plan_id
  from scenario.sessions where tenant_id = :t and session_id = :ann;
-- Everything can be given, by name too; digits stay as they are.
select step_id, channel, customer_id = :customer as customer, variables
from scenario.start_session(:t, :bob, :order, channel => 'whatsapp', customer_id => :customer,
                            variables => '{"amount": 12345678901234567890.10}', step_id => 'browse');

-- It goes on by the transitions of its step; a step may lead back to itself.
:place scenario.advance_session(:t, :ann, 'browse', 1);
:place scenario.advance_session(:t, :ann, 'browse', 2, 'wants to see more', 0.75);
:place scenario.advance_session(:t, :ann, to_step_id => 'browse');
:place scenario.advance_session(:t, :ann, 'pay', turn_number => 3);
:history :t and session_id = :ann order by visit_no;

-- Where no transition leads, it does not go.
select scenario.advance_session(:t, :ann, 'welcome');
select scenario.advance_session(:t, :bob, 'thanks');
select scenario.advance_session(:t, :bob, 'nowhere');
select (scenario.advance_session(:t, :ann, 'thanks')).step_id;
select scenario.advance_session(:t, :ann, 'thanks');

-- Plain SQL does as well, and keeps the same history.
update scenario.sessions set step_id = 'pay', turn_count = 7 where tenant_id = :t and session_id = :bob;
:history :t and session_id = :bob order by visit_no;

-- A session that is not active does not walk on.
update scenario.sessions set status = 'paused' where tenant_id = :t and session_id = :bob;
select scenario.advance_session(:t, :bob, 'thanks');
update scenario.sessions set status = 'active', scenario_id = null where tenant_id = :t and session_id = :bob;
select scenario.advance_session(:t, :bob, 'thanks');

-- One id, one session.
select scenario.start_session(:t, :ann, :order);
