-- the round trip alone: select 1
select 1;
