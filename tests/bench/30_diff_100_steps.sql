-- scenario_diff of two versions of 100 steps, as a document
SELECT length(scenario.scenario_diff('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000f1', 1, 2)::text);
