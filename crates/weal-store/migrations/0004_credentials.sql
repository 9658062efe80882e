-- Identity: credentials that this node holds, what it asked others for, and what others offer.
CREATE TABLE held_credential (
    number      TEXT   NOT NULL PRIMARY KEY,
    issuer      TEXT   NOT NULL,
    kinds       TEXT   NOT NULL,
    profile     TEXT   NOT NULL,
    signed      TEXT   NOT NULL,
    source      TEXT   NOT NULL,
    received_ms BIGINT NOT NULL,
    expires_ms  BIGINT
);
CREATE TABLE credential_request (
    holder_pid TEXT   NOT NULL PRIMARY KEY,
    issuer     TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    reason     TEXT,
    asked_ms   BIGINT NOT NULL
);
CREATE TABLE credential_offer (
    issuer      TEXT   NOT NULL,
    object      TEXT   NOT NULL,
    kind        TEXT,
    reason      TEXT,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (issuer, object)
);

-- Governance: what a governing body was asked to issue, and each member's place in the status list.
CREATE TABLE issuance (
    issuer_pid TEXT   NOT NULL PRIMARY KEY,
    holder     TEXT   NOT NULL,
    holder_pid TEXT   NOT NULL,
    objects    TEXT   NOT NULL,
    access     TEXT,
    status     TEXT   NOT NULL,
    asked_ms   BIGINT NOT NULL
);
CREATE INDEX issuance_holder ON issuance (holder, status);
CREATE TABLE status_place (
    place      BIGINT NOT NULL PRIMARY KEY,
    subject    TEXT   NOT NULL,
    revoked_ms BIGINT
);
CREATE INDEX status_place_subject ON status_place (subject);
