-- A story in a terminal: new versions of two scenarios are published while customers are in the middle of the old ones.
--
--   make demo                                                  on a throwaway server
--   psql -X -q -v ON_ERROR_STOP=1 -f examples/demo.sql         in a database of yours; it writes two tenants' rows
--
-- Run it from the repository's folder, or say where the examples are: -v examples=/path/to/examples

\if :{?examples}
\else
\set examples examples
\endif
\pset pager off
\pset footer off
\pset null ''
\pset border 1
\pset format wrapped
\pset columns 110
\set QUIET on
set client_min_messages to warning;
create extension if not exists pg_scenario;

\ir demo_tools.sql
\ir demo_shop.sql
\ir demo_mothers.sql
