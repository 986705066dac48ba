/**
 * Keeps triggers from putting rows where nobody looks for them (I8). A statement is sent to the shard that owns its
 * key; a BEFORE trigger there may give the row another one. So where a table that is spread has such triggers, two
 * more look at the row that was stored, and refuse one that this shard does not own under the map in force. Tables
 * without them pay nothing: what was sent is what is stored.
 *
 * Who is owner is found by bisecting the packed stretches (`packShardMap`), of which only the piece is fetched where
 * it must stand: they are stored uncompressed. That takes some 50 µs a row. Positions are those of `locateKey` and `hashRow` of core.
 */
export const KEY_GUARD = `
create or replace function pgherd.start_of(stretches bytea, place int) returns bigint
language sql immutable as $$
  select ('x' || encode(substring(stretches from place * 10 + 3 for 8), 'hex'))::bit(64)::bigint
$$;
create or replace function pgherd.owns_number(wanted bigint, hashed bool) returns bool
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  near record;
  reach int := 128;
  sought bigint;
  low int;
  high int;
  middle int;
begin
  loop
    select line, count, first, map -> 'shards' as shards, this_group,
        substring(stretches from first * 10 + 1 for 20 * reach) as slice into near
      from pgherd.placement, lateral (select map -> 'line' as line, length(stretches) / 10 as count) as whole,
        -- Hashes are spread evenly, and so are the stretches that they are cut into.
        lateral (select greatest(0, case when line ->> 'kind' = 'hash'
          then floor((wanted::float8 / 18446744073709551616 + 0.5) * count)::int - reach else 0 end) as first) as place;
    sought := case when hashed and near.line ->> 'kind' = 'remainder'
      then mod((wanted >> 32) & 4294967295, (near.line ->> 'modulus')::bigint) else wanted end;
    low := 0;
    high := length(near.slice) / 10;
    exit when (near.first = 0 or pgherd.start_of(near.slice, 0) <= sought)
      and (near.first + high = near.count or pgherd.start_of(near.slice, high - 1) > sought);
    reach := reach * 8;
  end loop;
  while high - low > 1 loop
    middle := (low + high) / 2;
    if ('x' || encode(substring(near.slice from middle * 10 + 3 for 8), 'hex'))::bit(64)::bigint <= sought then
      low := middle;
    else
      high := middle;
    end if;
  end loop;
  return near.shards ->> ('x' || encode(substring(near.slice from low * 10 + 1 for 2), 'hex'))::bit(16)::int = near.this_group;
end $$;
create or replace function pgherd.owns_text(wanted text) returns bool
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  packed bytea;
  shards jsonb;
  own text;
  at int := 1;
  size int;
  owner int;
begin
  select stretches, map -> 'shards', this_group into packed, shards, own from pgherd.placement;
  while at <= length(packed) loop
    size := ('x' || encode(substring(packed from at + 2 for 4), 'hex'))::bit(32)::int;
    exit when convert_from(substring(packed from at + 6 for size), 'UTF8') > wanted collate "C";
    owner := ('x' || encode(substring(packed from at for 2), 'hex'))::bit(16)::int;
    at := at + 6 + size;
  end loop;
  return shards ->> owner = own;
end $$;
create or replace function pgherd.combine_hashes(one bigint, other bigint) returns bigint
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  added numeric;
begin
  if other is null then
    return one;
  end if;
  added := mod(other::numeric + 5305509591434766563 + (one << 54) + ((one >> 7) & ((1::bigint << 57) - 1)),
    18446744073709551616);
  added := added - case when added >= 9223372036854775808 then 18446744073709551616
    when added < -9223372036854775808 then -18446744073709551616 else 0 end;
  return one # added::bigint;
end $$;
create or replace function pgherd.refuse_stray() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'a trigger of "%" has changed the shard key of a row, which belongs to another shard now', tg_table_name
    using errcode = '23514', schema = tg_table_schema, table = tg_table_name, constraint = tg_name,
      hint = 'Say the key in the statement as it is to be stored, and have triggers leave it.';
end $$;
create or replace function pgherd.owned_when(relation oid, key text[]) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  line jsonb := (select map -> 'line' from pgherd.placement);
  is_one bool := cardinality(key) = 1;
  seed bigint := case when is_one then 0 else 8816678312871386365 end;
  field record;
  hash text;
  found text := '0::bigint';
begin
  for field in
    select 'new.' || quote_ident(attname) as name, typname as type
    from unnest(key) with ordinality as k (named, place)
      join pg_attribute on attrelid = relation and attname = named and not attisdropped
      join pg_type t on t.oid = atttypid
    order by place
  loop
    if line ->> 'kind' = 'key' then
      return format(case line ->> 'family' when 'integer' then 'pgherd.owns_number(%s::bigint, false)'
        else 'pgherd.owns_text(%s::text)' end, field.name);
    end if;
    hash := format(case when field.type in ('int2', 'int4', 'int8') then 'hashint8extended(%s::bigint, %s)'
      when field.type = 'uuid' then 'uuid_hash_extended(%s, %s)'
      else 'hashtextextended(%s::text, %s)' end, field.name, seed);
    found := case when is_one then hash else format('pgherd.combine_hashes(%s, %s)', found, hash) end;
  end loop;
  return format('pgherd.owns_number(%s, true)', found);
end $$;
create or replace function pgherd.guard_keys() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set pgherd.guarding = on as $$
declare
  spread record;
  changed text;
begin
  for spread in
    with recursive part (relation, key, depth) as (
      select c.oid, array(select jsonb_array_elements_text(placed.value -> 'key')), 0
      from pgherd.placement, jsonb_each(tables) as placed (name, value), pg_class c
        join pg_namespace n on n.oid = relnamespace
      where n.nspname || '.' || relname = placed.name and relkind in ('r', 'p') and placed.value ->> 'kind' = 'sharded'
      union all
      select inhrelid, key, depth + 1 from part join pg_inherits on inhparent = relation)
    select relation, key from part order by depth
  loop
    select string_agg(format('old.%1$I is distinct from new.%1$I', each), ' or ') into changed
      from unnest(spread.key) as each;
    perform pgherd.guard_key(spread.relation, 4, 'insert', null, spread.key);
    perform pgherd.guard_key(spread.relation, 16, 'update', changed, spread.key);
  end loop;
end $$;
create or replace function pgherd.guard_key(relation oid, event int, called text, changed text, key text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  named name := 'pgherd_guards_' || called;
  own bool := exists (select from pg_trigger where tgrelid = relation and tgname = named);
  -- Of the bits of tgtype 1 is for each row, and 2 is before.
  wanted bool := exists (select from pg_trigger
    where tgrelid = relation and tgtype & 3 = 3 and tgtype & event <> 0);
  part regclass;
begin
  if wanted and not own then
    -- A partition gets that of its table.
    for part in select relid from pg_partition_tree(relation) join pg_trigger on tgrelid = relid and tgname = named loop
      execute format('drop trigger %I on %s', named, part);
    end loop;
    execute format('create trigger %I after %s on %s for each row when (%snot %s) execute function pgherd.refuse_stray()',
      named, called, relation::regclass, '(' || changed || ') and ', pgherd.owned_when(relation, key));
  elsif own and not wanted and exists (select from pg_trigger
    where tgrelid = relation and tgname = named and tgparentid = 0) then
    execute format('drop trigger %I on %s', named, relation::regclass);
  end if;
end $$;
create or replace function pgherd.triggers_changed() returns event_trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  -- Not for what the guard makes itself.
  if current_setting('pgherd.guarding', true) is distinct from 'on' then
    perform pgherd.guard_keys();
  end if;
end $$;
drop event trigger if exists pgherd_guard_keys;
create event trigger pgherd_guard_keys on ddl_command_end
  when tag in ('CREATE TRIGGER', 'DROP TRIGGER', 'DROP FUNCTION', 'ALTER TABLE')
  execute function pgherd.triggers_changed();
select pgherd.guard_keys();`
