-- What CREATE EXTENSION says about itself.
select extname, extversion, extrelocatable, extnamespace::regnamespace as schema
from pg_extension where extname = 'pg_scenario';
select default_version, superuser, trusted, relocatable, schema
from pg_available_extension_versions v join pg_available_extensions e using (name)
where name = 'pg_scenario' and v.version = e.default_version;
alter extension pg_scenario set schema public;
