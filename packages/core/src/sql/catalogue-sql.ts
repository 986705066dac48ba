/**
 * Loads a `Catalogue` from a server of version 14 to 18, one row of `CatalogueRow` for each thing; some
 * thousand rows, most of them PostgreSQL's own functions. Any role may run it: it reads system catalogues
 * only, which are the same on every node of a group.
 *
 * Run it with `jit = off`: the planner expects millions of rows, and compiling for them takes 2 s where the
 * query takes 40 ms (PostgreSQL 15 with LLVM).
 *
 * What PostgreSQL came with has an OID below 16384. What a view, a default, a policy… calls stands in its
 * stored node tree; there a function's OID follows `:funcid` and its like, an operator's function
 * `:opfuncid`.
 */
export const CATALOGUE_SQL = `
with recursive
func as (
  select p.oid, n.nspname::text as schema, p.proname::text as name,
         -- Every aggregate is marked immutable; it does what its functions do ('i' < 's' < 'v').
         case when p.prokind = 'a' and p.oid >= 16384
           then (select max(s.provolatile::text) from pg_catalog.pg_aggregate a
                   join pg_catalog.pg_proc s on s.oid = any (array[a.aggtransfn, a.aggfinalfn, a.aggcombinefn,
                     a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[])
                  where a.aggfnoid = p.oid)
           else p.provolatile::text end as volatility,
         -- An aggregate counts as internal whatever its transition function is written in.
         p.oid < 16384 as builtin, l.lanname in ('c', 'internal') and p.prokind <> 'a' as native,
         p.prokind in ('a', 'w') as of_rows
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    join pg_catalog.pg_language l on l.oid = p.prolang
),
relation as (
  select c.oid, c.relkind, c.reltype, n.nspname::text as schema, c.relname::text as name
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
     and n.nspname not like 'pg\\_toast%' and n.nspname not like 'pg\\_temp\\_%'
),
-- Types inside types: domains over them, elements, columns, subtypes.
type_edge (outer_type, inner_type) as (
  select oid, typbasetype from pg_catalog.pg_type where typbasetype <> 0
  union all select oid, typelem from pg_catalog.pg_type where typelem <> 0
  union all select c.reltype, a.atttypid
    from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid
   where c.reltype <> 0 and a.attnum > 0 and not a.attisdropped and c.oid >= 16384
  union all select rngtypid, rngsubtype from pg_catalog.pg_range
  union all select rngmultitypid, rngsubtype from pg_catalog.pg_range
),
type_reach (top, inner_type) as (
  select oid, oid from pg_catalog.pg_type
   where oid >= 16384 or typtype = 'd'
  union
  select r.top, e.inner_type from type_reach r join type_edge e on e.outer_type = r.inner_type
),
-- The node trees that stand for code, each with what it belongs to.
type_tree (type, tree) as (
  select contypid, conbin::text from pg_catalog.pg_constraint where contypid <> 0 and conbin is not null
),
relation_tree (relation, reading, tree) as (
  select ev_class, ev_type = '1', ev_action::text || coalesce(ev_qual::text, '')
    from pg_catalog.pg_rewrite r join relation c on c.oid = r.ev_class where c.relkind <> 'm'
  union all select d.adrelid, coalesce(a.attgenerated = 'v', false), d.adbin::text
    from pg_catalog.pg_attrdef d
    join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
  union all select conrelid, false, conbin::text
    from pg_catalog.pg_constraint where conrelid <> 0 and conbin is not null
  union all select polrelid, true, coalesce(polqual::text, '') || coalesce(polwithcheck::text, '')
    from pg_catalog.pg_policy
  union all select indrelid, false, coalesce(indexprs::text, '') || coalesce(indpred::text, '')
    from pg_catalog.pg_index where indexprs is not null or indpred is not null
  union all select partrelid, true, partexprs::text
    from pg_catalog.pg_partitioned_table where partexprs is not null
  union all select oid, true, relpartbound::text
    from pg_catalog.pg_class where relpartbound is not null
  union all select tgrelid, false, tgqual::text
    from pg_catalog.pg_trigger where tgqual is not null
),
type_call (type, func) as (
  select t.type, m[1]::oid
    from type_tree t, regexp_matches(t.tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') m
),
relation_call (relation, reading, func) as (
  select t.relation, t.reading, m[1]::oid
    from relation_tree t, regexp_matches(t.tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') m
  union
  select tgrelid, false, tgfoid from pg_catalog.pg_trigger where not tgisinternal
  union
  select a.attrelid, false, c.func
    from pg_catalog.pg_attribute a
    join type_reach r on r.top = a.atttypid
    join type_call c on c.type = r.inner_type
   where a.attnum > 0 and not a.attisdropped
),
-- Relations reached from relations: by a rule, by inheritance, by a foreign key that cascades.
relation_edge (upper, reading, lower) as (
  select r.ev_class, true, d.refobjid
    from pg_catalog.pg_rewrite r
    join relation c on c.oid = r.ev_class and c.relkind <> 'm'
    join pg_catalog.pg_depend d
      on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
     and d.refclassid = 'pg_catalog.pg_class'::regclass
  union
  select p.polrelid, true, d.refobjid
    from pg_catalog.pg_policy p
    join pg_catalog.pg_depend d
      on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
     and d.refclassid = 'pg_catalog.pg_class'::regclass
  union
  select inhparent, true, inhrelid from pg_catalog.pg_inherits
  union
  select inhrelid, false, inhparent from pg_catalog.pg_inherits
  union
  select confrelid, false, conrelid
    from pg_catalog.pg_constraint
   where contype = 'f' and (confdeltype in ('c', 'n', 'd') or confupdtype in ('c', 'n', 'd'))
),
relation_reach (top, reading, relation) as (
  select oid, r.reading, oid from relation, (values (true), (false)) r (reading)
  union
  select r.top, r.reading, e.lower
    from relation_reach r
    join relation_edge e on e.upper = r.relation and (e.reading or not r.reading)
),
relation_reached as (
  select r.top, r.reading, bool_or(c.relkind = 'f') as "foreign"
    from relation_reach r join relation c on c.oid = r.relation
   group by r.top, r.reading
),
relation_calls as (
  select r.top, r.reading,
         jsonb_agg(distinct jsonb_build_array(f.schema, f.name, f.volatility, f.builtin, f.native)) as calls
    from relation_reach r
    join relation_call c on c.relation = r.relation and (c.reading or not r.reading)
    join func f on f.oid = c.func
   -- Most calls are of harmless functions of PostgreSQL's own, which decide nothing.
   where not (f.builtin and f.volatility = 'i')
   group by r.top, r.reading
),
type_calls as (
  select r.top,
         jsonb_agg(distinct jsonb_build_array(f.schema, f.name, f.volatility, f.builtin, f.native)) as calls
    from type_reach r
    join type_call c on c.type = r.inner_type
    join func f on f.oid = c.func
   group by r.top
),
hidden_func as (
  select castfunc as oid from pg_catalog.pg_cast where castfunc >= 16384
  union select amproc::oid from pg_catalog.pg_amproc where amproc::oid >= 16384
  union select f from pg_catalog.pg_range, unnest(array[rngcanonical::oid, rngsubdiff::oid]) f where f >= 16384
  union select f from pg_catalog.pg_type, unnest(array[typinput::oid, typoutput::oid, typreceive::oid, typsend::oid,
      typmodin::oid, typmodout::oid, typanalyze::oid]) f where f >= 16384
)
select 'function' as what, schema, name, max(volatility) as volatility, builtin, bool_and(native) as native,
       case when bool_or(of_rows) then 'of rows' end as kind, false as "foreign", null::jsonb as reads, null::jsonb as writes
  from func group by schema, name, builtin
union all
select 'operator', n.nspname::text, o.oprname::text, max(f.volatility), o.oid < 16384, bool_and(f.native),
       null, false, null, null
  from pg_catalog.pg_operator o
  join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
  join func f on f.oid = o.oprcode::oid
 group by n.nspname, o.oprname, o.oid < 16384
union all
select 'type', n.nspname::text, t.typname::text, null, t.oid < 16384, false, t.typtype::text, false, c.calls, null
  from pg_catalog.pg_type t
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  left join type_calls c on c.top = t.oid
 where n.nspname not like 'pg\\_toast%' and n.nspname not like 'pg\\_temp\\_%'
   -- Not the names of arrays, which are never written, nor of the rows of system tables.
   and (t.oid >= 16384 and t.typcategory <> 'A' or t.oid < 16384 and t.typrelid = 0)
union all
select 'relation', r.schema, r.name, null, r.oid < 16384, false, r.relkind::text,
       coalesce(d."foreign", false) or coalesce(w."foreign", false), rc.calls, wc.calls
  from relation r
  left join relation_reached d on d.top = r.oid and d.reading
  left join relation_reached w on w.top = r.oid and not w.reading
  left join relation_calls rc on rc.top = r.oid and rc.reading
  left join relation_calls wc on wc.top = r.oid and not wc.reading
union all
select 'hidden', f.schema, f.name, f.volatility, f.builtin, f.native, null, false, null, null
  from hidden_func h join func f on f.oid = h.oid
 where not (f.native and f.volatility <> 'v')
`
