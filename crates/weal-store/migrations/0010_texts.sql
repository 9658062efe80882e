-- Catalogue: what need not be made again. The text of each own product as every member sees it, until it changes
-- or ends; and of each entry of another node the digest of the text that it was read from.
CREATE TABLE shown_text (
    product  TEXT   {BYTEWISE} NOT NULL PRIMARY KEY,
    until_ms BIGINT NOT NULL,
    made_as  TEXT   NOT NULL,
    body     TEXT   NOT NULL
);
INSERT INTO entry_stale (product) SELECT DISTINCT name FROM product WHERE name <> '' ON CONFLICT DO NOTHING;
ALTER TABLE entry ADD COLUMN said TEXT;
-- All that a look needs of an entry that is as it was.
CREATE INDEX entry_said ON entry (peer, product, number, said);
