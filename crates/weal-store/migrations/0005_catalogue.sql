-- The catalogue at a size: what each member may see is found by key, and so is a stranger's dataset.
ALTER TABLE product ADD COLUMN identifier TEXT;
ALTER TABLE product ADD COLUMN updated_ms BIGINT NOT NULL DEFAULT 0;
CREATE INDEX product_identifier ON product (identifier);
CREATE INDEX product_updated ON product (updated_ms);
-- By the bytes of the name, as `shown` has it: with another collation the key of `product` does not serve a join.
CREATE INDEX product_bytewise ON product (name {BYTEWISE}, version);

-- Open offers by who may see them: a member's DID, or `*` for every member. What is not for a reader is never
-- touched. Products stand in the order of their bytes on both databases. `until_ms` is the greatest number where
-- an offer has no end.
CREATE TABLE shown (
    audience TEXT   NOT NULL,
    product  TEXT   {BYTEWISE} NOT NULL,
    offer    TEXT   NOT NULL REFERENCES offer (id),
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (audience, product, offer)
);
CREATE INDEX shown_offer ON shown (offer);
CREATE INDEX shown_product ON shown (product, audience);
CREATE INDEX shown_until ON shown (audience, until_ms);
-- What an audience sees has this name until it changes.
CREATE TABLE shown_version (
    audience TEXT NOT NULL PRIMARY KEY,
    name     TEXT NOT NULL
);

-- What is known of each node's catalogue, and how the last look at it went.
DROP TABLE peer_entry;
DROP TABLE peer_catalogue;
CREATE TABLE peer_catalogue (
    peer        TEXT   NOT NULL PRIMARY KEY,
    title       TEXT   NOT NULL,
    heard_ms    BIGINT,
    changed_ms  BIGINT,
    due_ms      BIGINT NOT NULL,
    etag        TEXT,
    entries     BIGINT NOT NULL,
    passed_over BIGINT NOT NULL,
    failures    BIGINT NOT NULL,
    failed_ms   BIGINT,
    failure     TEXT
);

-- Entries of all catalogues, own ones too, under the number by which the index knows them.
CREATE TABLE entry (
    number  BIGINT NOT NULL PRIMARY KEY,
    peer    TEXT   NOT NULL,
    product TEXT   NOT NULL,
    dataset TEXT   NOT NULL,
    v       BIGINT NOT NULL,
    body    TEXT   NOT NULL
);
CREATE UNIQUE INDEX entry_product ON entry (peer, product);
CREATE INDEX entry_dataset ON entry (peer, dataset);
-- Own products that the index does not show as they are.
CREATE TABLE entry_stale (
    product TEXT NOT NULL PRIMARY KEY
);
-- What an index was made with; made with anything else, it is made again.
CREATE TABLE entry_index (
    one       BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    made_with TEXT   NOT NULL
);
-- The numbers of the entries under a term, by blocks of 65,536 numbers.
CREATE TABLE posting (
    term  {BYTES} NOT NULL,
    block BIGINT  NOT NULL,
    docs  {BYTES} NOT NULL,
    PRIMARY KEY (term, block)
);
-- The words there are, for whoever slips: by first letter and length.
CREATE TABLE word (
    initial TEXT   NOT NULL,
    letters BIGINT NOT NULL,
    word    TEXT   NOT NULL,
    PRIMARY KEY (initial, letters, word)
);
