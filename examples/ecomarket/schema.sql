-- The marketplace. Money is in integer cents; times are in UTC.

create table users (
  id         integer primary key,
  email      text not null unique check (email = lower(email) and email like '%_@_%._%'),
  name       text not null check (name <> ''),
  city       text not null,
  country    text not null check (country ~ '^[A-Z]{2}$'),
  created_at timestamptz not null
);

create table products (
  id              integer primary key,
  category        text not null check (category ~ '^[a-z]+(-[a-z]+)*$'),
  title           text not null check (title <> ''),
  price_cents     integer not null check (price_cents > 0),
  -- 1 is what most people buy.
  popularity_rank integer not null unique check (popularity_rank > 0),
  created_at      timestamptz not null
);

-- The two orders a catalogue can be leafed through in. The last column makes every place unique, so
-- that "the rows after this one" is one range of the index, however deep the page.
create index products_by_price on products (category, price_cents, id);
create index products_by_popularity on products (category, popularity_rank);

create table inventory (
  product_id integer primary key references products,
  -- Units that ever came in. What is not in stock any more must be in orders.
  received   integer not null check (received >= 0),
  stock      integer not null check (stock >= 0),
  check (stock <= received)
-- Stock changes all the time and stands in no index: room on the page lets an update stay there.
) with (fillfactor = 70);

create table cart_items (
  user_id    integer not null references users,
  product_id integer not null references products,
  quantity   integer not null check (quantity between 1 and 99),
  added_at   timestamptz not null default now(),
  primary key (user_id, product_id)
);

-- Every change of a cart, in the order in which they were saved. The key is made by the shop before the
-- first try: a change that is sent again finds its key here and does nothing.
create table cart_changes (
  id         bigint generated always as identity primary key,
  key        uuid not null unique,
  user_id    integer not null references users,
  product_id integer not null references products,
  -- Units put in; 0: the product was taken out.
  quantity   integer not null check (quantity between 0 and 99),
  saved_at   timestamptz not null default now()
);

create type order_status as enum ('placed', 'paid', 'shipped', 'cancelled');

create table orders (
  id          bigint generated always as identity primary key,
  -- Made by the buyer before the first try: by it an order is found whose answer was cut off, and
  -- the same purchase cannot be in here twice.
  key         uuid not null unique,
  user_id     integer not null references users,
  status      order_status not null default 'placed',
  total_cents bigint not null check (total_cents > 0),
  placed_at   timestamptz not null default now()
);
create index orders_of_user on orders (user_id, placed_at desc);

create table order_lines (
  order_id         bigint not null references orders,
  product_id       integer not null references products,
  quantity         integer not null check (quantity > 0),
  -- What it cost then; the catalogue may change.
  unit_price_cents integer not null check (unit_price_cents > 0),
  primary key (order_id, product_id)
);
create index order_lines_of_product on order_lines (product_id);

create table order_events (
  id          bigint generated always as identity primary key,
  order_id    bigint not null references orders,
  status      order_status not null,
  happened_at timestamptz not null default now()
);
create index order_events_of_order on order_events (order_id, id);

create function refuse_to_rewrite_events() returns trigger language plpgsql as $$
begin
  raise exception 'order_events is append-only' using errcode = 'restrict_violation';
end
$$;

create trigger append_only before update or delete or truncate on order_events
  for each statement execute function refuse_to_rewrite_events();
