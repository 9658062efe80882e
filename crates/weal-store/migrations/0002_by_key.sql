-- What an agreement was negotiated in is found by its key; how much of a peer's is unfinished is counted.
ALTER TABLE negotiation ADD COLUMN agreement TEXT;
UPDATE negotiation SET agreement = {AGREEMENT};
CREATE INDEX negotiation_agreement ON negotiation (agreement);
CREATE INDEX negotiation_open ON negotiation (peer, state);

-- Nobody ever read these: a negotiation's timeline stands in its body, a budget's history in the ledger.
DROP TABLE negotiation_event;
DROP TABLE application;
DROP TABLE answer;
DROP TABLE budget_event;
