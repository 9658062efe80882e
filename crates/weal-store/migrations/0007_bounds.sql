-- The catalogue's bounds, and what its names tell.
-- What an audience sees is named by chance: a name tells nothing of what was written.
DROP TABLE shown_version;
CREATE TABLE shown_version (
    audience TEXT NOT NULL PRIMARY KEY,
    name     TEXT NOT NULL DEFAULT ({CHANCE})
);
-- How closely an offered product is held; empty where its product is not here yet.
ALTER TABLE shown ADD COLUMN class TEXT NOT NULL DEFAULT '';

-- Where an index is made again: the number of the last entry that is in it. NULL where all are.
ALTER TABLE entry_index ADD COLUMN made_up_to BIGINT;

-- How much room a catalogue elsewhere takes. What is looked through for words is bounded, that of former programs too.
ALTER TABLE foreign_source ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
UPDATE foreign_source SET bytes = (SELECT COALESCE(SUM(OCTET_LENGTH(p.triples)), 0) FROM foreign_piece AS p
    WHERE p.source = foreign_source.name);
UPDATE foreign_piece SET words = SUBSTR(words, 1, 4000) WHERE LENGTH(words) > 4000;
