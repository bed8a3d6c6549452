-- the lookup of a session and its scenario by hand
\set n random(1, 2000)
SELECT s.scenario_version, s.step_id, s.status, c.published_version
  FROM scenario.sessions AS s JOIN scenario.scenarios AS c ON c.tenant_id = s.tenant_id AND c.scenario_id = s.scenario_id
 WHERE s.tenant_id = '00000000-0000-0000-0000-000000000001'
   AND s.session_id = ('00000000-0000-0000-0000-' || lpad(:n::text, 12, '0'))::uuid;
