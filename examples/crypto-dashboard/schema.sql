-- Made once, in one transaction; nothing here is ever dropped.

create table coins (
  symbol text primary key,
  name text not null,
  position integer not null
);

-- One price of a coin a second: a reading that is stored again after its answer was cut off changes nothing.
create table prices (
  coin text not null references coins,
  at timestamptz not null check (at = date_trunc('second', at)),
  price numeric not null check (price > 0),
  volume numeric not null check (volume >= 0), -- in dollars, traded in this second
  primary key (coin, at)
);
-- Rows come in the order of time, so a few bytes for each 128 pages find all that is older than a moment.
create index prices_by_time on prices using brin (at) with (autosummarize = on);

create table account (
  only_one boolean primary key default true check (only_one),
  cash numeric(20, 2) not null check (cash >= 0)
);
insert into account (cash) values (100000);

create table holdings (
  coin text primary key references coins,
  quantity numeric(20, 8) not null check (quantity >= 0),
  cost numeric(20, 2) not null check (cost >= 0) -- what was paid for what is still held
);

create table trades (
  id uuid primary key,
  at timestamptz not null default now(),
  side text not null check (side in ('buy', 'sell')),
  coin text not null references coins,
  quantity numeric(20, 8) not null check (quantity > 0),
  price numeric not null check (price > 0),
  total numeric(20, 2) not null check (total > 0)
);
create index trades_by_time on trades (at);

-- Test rows: written on the primary, watched for on the standby.
create table probes (
  id uuid primary key,
  written_at timestamptz not null default clock_timestamp()
);

-- One row for each start of the dashboard, with what it found.
create table starts (
  at timestamptz primary key default now(),
  source text not null check (source in ('simulated', 'real')),
  prices bigint not null,
  since timestamptz,
  standby text,
  standby_lsn pg_lsn
);
