-- Catalogues elsewhere that a steward has taken in: their entries, with every triple that came with them, and
-- pieces of what describes no entry (without a body).
CREATE TABLE foreign_source (
    name    TEXT   NOT NULL PRIMARY KEY,
    read_ms BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    triples BIGINT NOT NULL
);
CREATE TABLE foreign_piece (
    source  TEXT   NOT NULL REFERENCES foreign_source (name) ON DELETE CASCADE,
    place   BIGINT NOT NULL,
    node    TEXT,
    dataset TEXT,
    words   TEXT   NOT NULL,
    v       BIGINT,
    body    TEXT,
    triples TEXT   NOT NULL,
    PRIMARY KEY (source, place)
);
CREATE INDEX foreign_piece_dataset ON foreign_piece (dataset);
