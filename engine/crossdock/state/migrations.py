"""The tables, as steps that are never edited once released. Table and column comments feed the reference."""

from __future__ import annotations

from contextlib import closing

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

schema = Migrations("crossdock")


@schema()
def m0001_import(db: Database) -> None:
    """Stores, orders with their parts, what was not taken, runs and the timeline."""
    for statement in _IMPORT.split(";;"):
        db.execute(statement)


@schema()
def m0002_daemon(db: Database) -> None:
    """How stores stand, runs that stand for others, and what was erased."""
    for statement in _DAEMON.split(";;"):
        db.execute(statement)


@schema()
def m0003_shipping(db: Database) -> None:
    """Shipments, and what their stores are still to be told."""
    for statement in _SHIPPING.split(";;"):
        db.execute(statement)


@schema()
def m0004_lists(db: Database) -> None:
    """By what orders are listed for people."""
    for statement in _LISTS.split(";;"):
        db.execute(statement)


@schema()
def m0005_run_log(db: Database) -> None:
    """What a run did to which orders can be looked up."""
    db.execute(
        "create index timeline_of_imports on timeline(store, at) "
        "where event in ('imported', 'updated', 'gone', 'set_aside')"
    )


_IMPORT = """
create table stores (
    name text primary key,
    connector text not null,
    identity text not null,                   -- the account on the platform, for good
    account_name text not null,
    bound_at text not null,
    cursor text,                              -- the connector's bookmark, JSON
    swept_since text,                         -- when the last finished sweep began, the platform's time
    derivation text                           -- the mapping that all orders were last derived with
) strict;;
create table orders (
    key integer primary key,
    store text not null references stores(name),
    id text not null,                         -- the platform's
    number text not null,
    status_id text not null,
    status_name text not null,
    stage text not null,
    shipping_allowed integer not null,
    placed_at text not null,
    modified_at text not null,
    currency text not null,
    total text,                               -- a decimal number
    customer_name text,
    customer_company text,
    customer_email text,
    customer_phone text,
    billing text,                             -- an address, JSON
    customer_message text,
    staff_notes text,
    channel text,
    search text not null,                     -- what `orders --search` looks through
    digest blob not null,
    derivation text not null,
    as_of text not null,                      -- the platform's time of the latest view that was saved or recognised
    gone_at text,                             -- when the platform was found to have it no more
    imported_at text not null,
    updated_at text not null
) strict;;
create unique index orders_by_id on orders(store, id);;
create index orders_by_number on orders(store, number);;
create index orders_by_store on orders(store);;
create index orders_by_stage on orders(store, stage);;
create table consignments (
    order_key integer not null references orders(key) on delete cascade,
    position integer not null,
    id text not null,                         -- the platform's
    kind text not null,
    ship_to text,                             -- an address, JSON
    pickup_from text,                         -- an address, JSON
    service text,
    primary key (order_key, position)
) strict, without rowid;;
create table lines (
    order_key integer not null references orders(key) on delete cascade,
    consignment integer not null,             -- its position
    position integer not null,
    id text not null,                         -- the platform's
    parent_id text,
    sku text,
    barcode text,
    bin text,
    name text not null,
    quantity integer not null,
    quantity_shipped integer not null,
    quantity_refunded integer not null,
    unit_price text,                          -- a decimal number
    weight_grams real,                        -- of one unit
    options text,                             -- display name to text, JSON
    size text,
    colour text,
    hs_code text,
    gift_wrap text,
    gift_message text,
    requires_shipping integer not null,
    primary key (order_key, consignment, position)
) strict, without rowid;;
create table raws (
    order_key integer primary key references orders(key) on delete cascade,
    raw blob not null                         -- JSON as the platform sent it, compressed by zlib
) strict;;
create table skips (
    store text not null references stores(name),
    order_id text not null,
    reason text not null,
    digest blob not null,
    as_of text not null,
    seen_at text not null,
    primary key (store, order_id)
) strict, without rowid;;
create table set_asides (
    key integer primary key,
    store text not null references stores(name),
    order_id text not null,
    error text not null,
    raw blob not null,
    digest blob not null,
    derivation text not null,
    as_of text not null,
    seen_at text not null,
    unique (store, order_id)
) strict;;
create table runs (
    id integer primary key,
    store text not null,                      -- not yet among stores where the first sign-in failed
    kind text not null,
    started_at text not null,
    ended_at text,
    outcome text,
    imported integer not null default 0,
    updated integer not null default 0,
    unchanged integer not null default 0,
    skipped integer not null default 0,
    set_aside integer not null default 0,
    pages integer not null default 0,
    requests integer not null default 0,
    retries integer not null default 0,
    waited_s real not null default 0,
    quota_left integer,
    last_request_id text,
    reasons text,                             -- why orders were skipped, with how many for each, JSON
    error_kind text,                          -- what is to be done, by the name of the error's class
    error text
) strict;;
create index runs_by_store on runs(store, id);;
create table timeline (
    id integer primary key,
    store text not null,
    order_id text not null,
    at text not null,
    event text not null,
    details text not null                     -- JSON: field names and statuses, never a buyer's values
) strict;;
create index timeline_by_order on timeline(store, order_id);;
create trigger timeline_is_append_only before update on timeline begin
    select raise(abort, 'the timeline is append-only');
end;;
create virtual table orders_search using fts5(
    search, content='orders', content_rowid='key', tokenize='unicode61 remove_diacritics 2'
);;
create trigger orders_search_insert after insert on orders begin
    insert into orders_search(rowid, search) values (new.key, new.search);
end;;
create trigger orders_search_update after update of search on orders when old.search is not new.search begin
    insert into orders_search(orders_search, rowid, search) values ('delete', old.key, old.search);
    insert into orders_search(rowid, search) values (new.key, new.search);
end;;
create trigger orders_search_delete after delete on orders begin
    insert into orders_search(orders_search, rowid, search) values ('delete', old.key, old.search);
end
"""

_DAEMON = """
create table standings (
    store text primary key,                   -- not among `stores` where it was never imported
    health text,                              -- `ok`, `retrying` or `needs_credentials`; null before its first import
    since text,                               -- when its imports came to that
    error_kind text,                          -- what is to be done, by the name of the error's class
    error text,                               -- why its last import failed
    failures integer not null default 0,      -- failed imports in a row
    next_try text,                            -- when the next import is due after a failure
    paused_at text                            -- null where it isn't paused
) strict, without rowid;;
create index stores_by_account on stores(connector, identity);;
create index standings_paused on standings(store) where paused_at is not null;;
alter table runs add column folded integer not null default 0;;
create index runs_by_end on runs(ended_at);;
create index runs_under_way on runs(store) where ended_at is null;;
create index runs_that_went_well on runs(store, ended_at) where outcome = 'done' and kind = 'changes';;
alter table orders add column erased_at text;;
create index orders_erased on orders(store, stage) where erased_at is not null;;
create index orders_with_a_buyer on orders(modified_at) where erased_at is null;;
create index set_asides_with_a_raw on set_asides(seen_at) where raw != x''
"""

_SHIPPING = """
create table shipments (
    id integer primary key,                   -- crossdock's own, shown by `show`
    store text not null references stores(name),
    order_id text not null,                   -- the platform's
    consignment text not null,                -- the platform's
    carrier text not null,                    -- what people call it
    carrier_code text,                        -- the platform's code for it, where one is configured
    tracking_number text,
    tracking_link text,
    service text,                             -- how the buyer wanted it sent, in the store's words
    sets_aside integer not null,              -- whether the goods wait to be collected
    key text not null unique,                 -- what its carrier was asked with
    created_at text not null,
    collected_at text
) strict;;
create table shipment_lines (
    shipment integer not null references shipments(id),
    line text not null,                       -- the platform's
    quantity integer not null,
    primary key (shipment, line)
) strict, without rowid;;
create table writebacks (
    shipment integer primary key references shipments(id),
    store text not null,
    order_id text not null,
    said text not null,                       -- what saying the same shipment twice is recognised by
    episode integer not null,                 -- the first shipment among those of the order that stand together
    state text not null,                      -- `pending`, `sent`, `uncertain`, `confirmed`, `refused` or `voided`
    is_voiding integer not null default 0,    -- whether it is being taken back
    step text,                                -- the request that was recorded and whose answer isn't
    attempts integer not null default 0,
    next_try text,                            -- null where nothing is left to do
    reason text,                              -- why it isn't done, or what is to be known though it is
    first_look text,                          -- the store's view before anything was sent, JSON
    sending_at text,                          -- the platform's time of the sending whose outcome isn't known
    sent_number text,                         -- the tracking number that the store was last told
    store_id text,                            -- the platform's own id of the shipment
    status_set text,                          -- the id of the status that was last set for it
    shown_as_of text,                         -- the platform's time of the first look that showed it
    version integer not null default 0
) strict;;
create unique index writebacks_said_once on writebacks(store, order_id, said) where state not in ('refused', 'voided');;
create index writebacks_by_order on writebacks(store, order_id);;
create index writebacks_by_state on writebacks(store, state);;
create index writebacks_due on writebacks(next_try, store) where next_try is not null;;
create table labels (
    shipment integer primary key references shipments(id),
    media_type text not null,
    content blob not null
) strict;;
create table carrier_requests (
    key text primary key,                     -- stands for one parcel, for good
    store text not null,
    order_id text not null,
    said text not null,
    made_at text not null,
    asked_at text,                            -- when the carrier was asked; its answer may have been lost
    unique (store, order_id, said)
) strict, without rowid
"""

_LISTS = """
alter table orders add column under_way integer not null default 0;; -- all left is on its way, its store untold
alter table orders add column tab text generated always as (case
    when stage = 'awaiting_pickup' or under_way then 'waiting'
    when stage in ('awaiting', 'part_shipped') or (stage = 'on_hold' and shipping_allowed) then 'new'
    when stage in ('shipped', 'completed') then 'shipped'
    else 'closed' end) virtual;;
create index orders_by_tab on orders(tab, placed_at);;
create index orders_by_store_tab on orders(store, tab, placed_at);;
create index shipments_by_number on shipments(tracking_number collate nocase);;
drop index orders_by_number;;
create index orders_by_number on orders(number collate nocase, store);;
alter table consignments add column country text generated always as ( -- ISO 3166
    iif(json_valid(ship_to), ship_to ->> '$.country', null)) virtual;;
create index consignments_by_country on consignments(country);;
create index consignments_by_service on consignments(service);;
create index consignments_for_pickup on consignments(order_key) where kind = 'pickup';;
create index writebacks_refused on writebacks(store) where state = 'refused';;
drop table orders_search;;
create virtual table orders_search using fts5( -- as before, and with the beginnings of words: they are in most orders
    search, content='orders', content_rowid='key', tokenize='unicode61 remove_diacritics 2', prefix='1 2 3'
);;
insert into orders_search(orders_search) values ('rebuild');;
update orders set under_way = 1 where exists (
    select 1 from writebacks where store = orders.store and order_id = orders.id
    and state in ('pending', 'sent', 'uncertain')
) and not exists (
    select 1 from lines join consignments
        on consignments.order_key = lines.order_key and consignments.position = lines.consignment
    where lines.order_key = orders.key and requires_shipping
    and lines.quantity - quantity_refunded - quantity_shipped > coalesce((
        select sum(shipment_lines.quantity) from writebacks
        join shipments on shipments.id = writebacks.shipment
        join shipment_lines on shipment_lines.shipment = shipments.id
        where writebacks.store = orders.store and writebacks.order_id = orders.id
        and shipments.consignment = consignments.id and line = lines.id and state not in ('refused', 'voided')
        and (sets_aside or shown_as_of is null or orders.as_of < shown_as_of)), 0)
)
"""

with closing(Database(memory=True)) as _empty:
    MIGRATION_NAMES = frozenset(migration.name for migration in schema.pending(_empty))
"""All steps that this version knows; a database with others was written by a newer one."""
