-- The first schema: one block per room. Only the types that both databases share (TEXT, BIGINT) and
-- bytes, which `migrate.rs` spells for each of them. Moments are milliseconds since 1970 in UTC (`_ms`).
-- `v` is the version of the JSON in `body`.

-- Shared: numbers that only grow, so that no identifier is ever used twice.
CREATE TABLE counter (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

-- Catalogue
CREATE TABLE product (
    name           TEXT   NOT NULL,
    version        BIGINT NOT NULL,
    path           TEXT   NOT NULL,
    content_sha256 TEXT   NOT NULL,
    published_ms   BIGINT NOT NULL,
    v              BIGINT NOT NULL,
    body           TEXT   NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE TABLE offer (
    id           TEXT   NOT NULL PRIMARY KEY,
    product      TEXT   NOT NULL,
    withdrawn_ms BIGINT,
    v            BIGINT NOT NULL,
    body         TEXT   NOT NULL
);
CREATE INDEX offer_product ON offer (product);
CREATE TABLE peer_catalogue (
    peer       TEXT   NOT NULL PRIMARY KEY,
    fetched_ms BIGINT NOT NULL,
    etag       TEXT,
    entries    BIGINT NOT NULL
);
CREATE TABLE peer_entry (
    peer  TEXT   NOT NULL REFERENCES peer_catalogue (peer) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    v     BIGINT NOT NULL,
    body  TEXT   NOT NULL,
    PRIMARY KEY (peer, place)
);

-- Agreements
CREATE TABLE negotiation (
    pid          TEXT   NOT NULL PRIMARY KEY,
    side         TEXT   NOT NULL,
    peer         TEXT   NOT NULL,
    peer_pid     TEXT,
    state        TEXT   NOT NULL,
    revision     BIGINT NOT NULL,
    number       BIGINT NOT NULL,
    updated_ms   BIGINT NOT NULL,
    v            BIGINT NOT NULL,
    body         TEXT   NOT NULL
);
CREATE INDEX negotiation_peer ON negotiation (peer, peer_pid);
CREATE INDEX negotiation_number ON negotiation (number);
CREATE TABLE negotiation_event (
    pid    TEXT   NOT NULL REFERENCES negotiation (pid),
    number BIGINT NOT NULL,
    at_ms  BIGINT NOT NULL,
    actor  TEXT   NOT NULL,
    text   TEXT   NOT NULL,
    PRIMARY KEY (pid, number)
);
CREATE TABLE agreement (
    id            TEXT   NOT NULL PRIMARY KEY,
    side          TEXT   NOT NULL,
    peer          TEXT   NOT NULL,
    product       TEXT   NOT NULL,
    mode          TEXT   NOT NULL,
    status        TEXT   NOT NULL,
    policy_sha256 TEXT   NOT NULL,
    number        BIGINT NOT NULL,
    v             BIGINT NOT NULL,
    body          TEXT   NOT NULL
);
CREATE INDEX agreement_peer ON agreement (peer, product);
CREATE INDEX agreement_number ON agreement (number);

-- Exchange
CREATE TABLE transfer (
    pid          TEXT   NOT NULL PRIMARY KEY,
    side         TEXT   NOT NULL,
    peer         TEXT   NOT NULL,
    agreement    TEXT   NOT NULL,
    peer_pid     TEXT,
    state        TEXT   NOT NULL,
    revision     BIGINT NOT NULL,
    number       BIGINT NOT NULL,
    updated_ms   BIGINT NOT NULL,
    v            BIGINT NOT NULL,
    body         TEXT   NOT NULL
);
CREATE INDEX transfer_peer ON transfer (peer, peer_pid);
CREATE INDEX transfer_agreement ON transfer (agreement);
CREATE INDEX transfer_number ON transfer (number);
CREATE TABLE transfer_token (
    token_sha256 TEXT   NOT NULL PRIMARY KEY,
    transfer     TEXT   NOT NULL REFERENCES transfer (pid),
    created_ms   BIGINT NOT NULL
);
CREATE INDEX transfer_token_transfer ON transfer_token (transfer);
CREATE TABLE use_count (
    agreement TEXT   NOT NULL,
    day       BIGINT NOT NULL,
    uses      BIGINT NOT NULL,
    PRIMARY KEY (agreement, day)
);
CREATE TABLE data_use (
    use_id       TEXT   NOT NULL,
    side         TEXT   NOT NULL,
    agreement    TEXT   NOT NULL,
    person       TEXT   NOT NULL,
    rho          BIGINT NOT NULL,
    delta        BIGINT NOT NULL,
    ledger_index BIGINT NOT NULL,
    at_ms        BIGINT NOT NULL,
    number       BIGINT NOT NULL,
    v            BIGINT NOT NULL,
    body         TEXT   NOT NULL,
    PRIMARY KEY (use_id, side)
);
CREATE INDEX data_use_number ON data_use (number);
CREATE INDEX data_use_agreement ON data_use (agreement, number);

-- Compute. BU-1 (spent plus reserved never exceeds granted) is a constraint, not only a habit.
CREATE TABLE budget (
    account        TEXT   NOT NULL PRIMARY KEY,
    granted_rho    BIGINT NOT NULL,
    granted_delta  BIGINT NOT NULL,
    reserved_rho   BIGINT NOT NULL,
    reserved_delta BIGINT NOT NULL,
    spent_rho      BIGINT NOT NULL,
    spent_delta    BIGINT NOT NULL,
    CHECK (reserved_rho >= 0 AND spent_rho >= 0 AND reserved_rho <= granted_rho - spent_rho),
    CHECK (reserved_delta >= 0 AND spent_delta >= 0 AND reserved_delta <= granted_delta - spent_delta)
);
CREATE TABLE reservation (
    use_id  TEXT   NOT NULL,
    account TEXT   NOT NULL REFERENCES budget (account),
    rho     BIGINT NOT NULL,
    delta   BIGINT NOT NULL,
    at_ms   BIGINT NOT NULL,
    settled BIGINT NOT NULL,
    PRIMARY KEY (use_id, account)
);
CREATE INDEX reservation_settled ON reservation (settled);
CREATE TABLE budget_event (
    number  BIGINT NOT NULL PRIMARY KEY,
    use_id  TEXT,
    account TEXT   NOT NULL,
    rho     BIGINT NOT NULL,
    delta   BIGINT NOT NULL,
    kind    TEXT   NOT NULL,
    at_ms   BIGINT NOT NULL
);
CREATE INDEX budget_event_account ON budget_event (account, number);
CREATE TABLE answer (
    agreement       TEXT   NOT NULL,
    question_sha256 TEXT   NOT NULL,
    at_ms           BIGINT NOT NULL,
    v               BIGINT NOT NULL,
    body            TEXT   NOT NULL,
    PRIMARY KEY (agreement, question_sha256)
);

-- Governance
CREATE TABLE charter (
    version BIGINT NOT NULL PRIMARY KEY,
    signed  TEXT   NOT NULL,
    v       BIGINT NOT NULL,
    body    TEXT   NOT NULL
);
CREATE TABLE member (
    did      TEXT   NOT NULL PRIMARY KEY,
    name     TEXT   NOT NULL UNIQUE,
    standing TEXT   NOT NULL,
    v        BIGINT NOT NULL,
    body     TEXT   NOT NULL
);
CREATE TABLE application (
    did         TEXT   NOT NULL PRIMARY KEY,
    received_ms BIGINT NOT NULL,
    decided_ms  BIGINT,
    decision    TEXT,
    v           BIGINT NOT NULL,
    body        TEXT   NOT NULL
);
CREATE TABLE membership (
    governing_body TEXT   NOT NULL PRIMARY KEY,
    credential     TEXT   NOT NULL,
    received_ms    BIGINT NOT NULL,
    expires_ms     BIGINT NOT NULL
);
CREATE TABLE register (
    governing_body TEXT   NOT NULL PRIMARY KEY,
    signed         TEXT   NOT NULL,
    fetched_ms     BIGINT NOT NULL
);
CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Identity. Tokens are kept as digests only.
CREATE TABLE person (
    account TEXT   NOT NULL PRIMARY KEY,
    v       BIGINT NOT NULL,
    body    TEXT   NOT NULL
);
CREATE TABLE sign_in_key (
    account    TEXT   NOT NULL REFERENCES person (account) ON DELETE CASCADE,
    kind       TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    secret     TEXT   NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (account, kind, id)
);
CREATE TABLE session (
    token_sha256 TEXT   NOT NULL PRIMARY KEY,
    account      TEXT   NOT NULL REFERENCES person (account) ON DELETE CASCADE,
    csrf         TEXT   NOT NULL,
    created_ms   BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account);
CREATE INDEX session_expires ON session (expires_ms);
CREATE TABLE api_token (
    token_sha256 TEXT   NOT NULL PRIMARY KEY,
    account      TEXT   NOT NULL REFERENCES person (account) ON DELETE CASCADE,
    label        TEXT   NOT NULL,
    roles        TEXT   NOT NULL,
    created_ms   BIGINT NOT NULL,
    last_used_ms BIGINT
);
CREATE INDEX api_token_account ON api_token (account);
CREATE TABLE seen_token (
    issuer     TEXT   NOT NULL,
    jti        TEXT   NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX seen_token_expires ON seen_token (expires_ms);
CREATE TABLE sign_in_failure (
    who      TEXT   NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms  BIGINT NOT NULL
);

-- Ledger. LE-1: nothing here is ever updated but the one checkpoint.
CREATE TABLE ledger_entry (
    number     BIGINT  NOT NULL PRIMARY KEY,
    nonce      {BYTES} NOT NULL,
    body       TEXT    NOT NULL,
    commitment {BYTES} NOT NULL
);
CREATE TABLE ledger_node (
    level  BIGINT  NOT NULL,
    number BIGINT  NOT NULL,
    hash   {BYTES} NOT NULL,
    PRIMARY KEY (level, number)
);
CREATE TABLE ledger_checkpoint (
    one      BIGINT  NOT NULL PRIMARY KEY CHECK (one = 1),
    size     BIGINT  NOT NULL,
    root     {BYTES} NOT NULL,
    frontier {BYTES} NOT NULL,
    signed   TEXT    NOT NULL
);

-- Outbox
CREATE TABLE job (
    id         BIGINT NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    job_key    TEXT   NOT NULL,
    peer       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    due_ms     BIGINT NOT NULL,
    attempts   BIGINT NOT NULL,
    last_error TEXT,
    v          BIGINT NOT NULL,
    body       TEXT   NOT NULL,
    UNIQUE (kind, job_key)
);
CREATE INDEX job_due ON job (state, due_ms);
