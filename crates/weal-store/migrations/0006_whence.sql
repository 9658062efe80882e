-- Catalogue: where a catalogue elsewhere was read from, and a digest of what was read.
ALTER TABLE foreign_source ADD COLUMN whence TEXT;
ALTER TABLE foreign_source ADD COLUMN content_sha256 TEXT;
-- Governance: the kinds that were issued with a place in the status list, and until when the last of them is valid.
ALTER TABLE status_place ADD COLUMN kinds TEXT NOT NULL DEFAULT '';
ALTER TABLE status_place ADD COLUMN until_ms BIGINT;
