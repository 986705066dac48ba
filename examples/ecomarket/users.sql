-- The users service. Money is in integer cents; times are in UTC. A unique constraint holds over all shards
-- where it contains the shard key, so every key below begins with the user.

create table users (
  id         bigint primary key,
  email      text not null check (email = lower(email)),
  name       text not null check (name <> ''),
  city       text not null check (city <> ''),
  country    text not null check (country ~ '^[A-Z]{2}$'),
  -- How many events there were. Whoever changes a user counts it up and so holds the row until the commit:
  -- events of one user are numbered in the order in which they took effect, without a gap.
  version    bigint not null default 1 check (version > 0),
  created_at timestamptz not null default now()
);

-- Whose an address of email is. Spread by the address itself, so that the primary key is unique over all
-- shards; a user is registered in one transaction with it, over two shards at most times.
create table emails (
  email   text primary key,
  user_id bigint not null
);

create table addresses (
  user_id     bigint not null references users,
  id          bigint not null,
  street      text not null check (street <> ''),
  postal_code text not null,
  city        text not null check (city <> ''),
  country     text not null check (country ~ '^[A-Z]{2}$'),
  primary key (user_id, id)
);

create table products (
  id          integer primary key,
  title       text not null check (title <> ''),
  price_cents integer not null check (price_cents > 0)
);

-- In the home group, for everybody.
create table inventory (
  product_id integer primary key,
  received   integer not null check (received >= 0),
  stock      integer not null check (stock between 0 and received)
) with (fillfactor = 70);

create table cart_items (
  user_id    bigint not null references users,
  product_id integer not null references products,
  quantity   integer not null check (quantity between 1 and 99),
  primary key (user_id, product_id)
);

create table orders (
  user_id     bigint not null references users,
  id          bigint not null,
  -- Made by the buyer: the same order sent twice is one.
  key         uuid not null,
  total_cents bigint not null check (total_cents > 0),
  placed_at   timestamptz not null default now(),
  primary key (user_id, id),
  unique (user_id, key)
);

create table order_lines (
  user_id          bigint not null,
  order_id         bigint not null,
  product_id       integer not null references products,
  quantity         integer not null check (quantity > 0),
  unit_price_cents integer not null check (unit_price_cents > 0),
  primary key (user_id, order_id, product_id),
  foreign key (user_id, order_id) references orders
);

-- What happened to a user, written with what happened in one transaction on one shard, and delivered later.
create table outbox (
  user_id      bigint not null references users,
  -- The user's version that the event made.
  seq          bigint not null check (seq > 0),
  -- Made before the first try: by it a write is found whose answer was cut off, and a consumer knows an
  -- event that it has had already.
  id           bigint not null,
  kind         text not null,
  payload      jsonb not null,
  happened_at  timestamptz not null default now(),
  delivered_at timestamptz,
  -- A delivery that failed is tried again from then on.
  tries        integer not null default 0,
  try_at       timestamptz not null default now(),
  primary key (user_id, seq),
  unique (user_id, id)
);
create index outbox_waiting on outbox (id) where delivered_at is null;
create index outbox_waiting_of_user on outbox (user_id, seq) where delivered_at is null;

-- What the consumer of the events makes of them. It is another service that happens to be kept in home.
create table notifications (
  -- An event that comes a second time is there already.
  event_id    bigint primary key,
  user_id     bigint not null,
  seq         bigint not null,
  text        text not null,
  arrival     bigint generated always as identity,
  received_at timestamptz not null default now()
);
create index notifications_of_user on notifications (user_id, arrival);
