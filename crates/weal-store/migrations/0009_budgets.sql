-- Compute: budgets of members and analysts beside those of products and agreements, and what became available
-- again. BU-3 (only what was spent can be renewed) is a constraint like BU-1. `renewed_ms` counts in a product's
-- account only: since when the next renewal is waited for.
ALTER TABLE budget ADD COLUMN product TEXT NOT NULL DEFAULT '';
ALTER TABLE budget ADD COLUMN renewed_rho BIGINT NOT NULL DEFAULT 0
    CHECK (renewed_rho >= 0 AND renewed_rho <= spent_rho);
ALTER TABLE budget ADD COLUMN renewed_delta BIGINT NOT NULL DEFAULT 0
    CHECK (renewed_delta >= 0 AND renewed_delta <= spent_delta);
ALTER TABLE budget ADD COLUMN renewed_ms BIGINT NOT NULL DEFAULT 0;
UPDATE budget SET product = SUBSTR(account, 9) WHERE account LIKE 'product:%';
UPDATE budget SET product = COALESCE(
    (SELECT agreement.product FROM agreement WHERE 'agreement:' || agreement.id = budget.account), '')
    WHERE account LIKE 'agreement:%';
CREATE INDEX budget_product ON budget (product);

-- What members and analysts spent before they had accounts: all that was reserved under agreements with a budget,
-- all that was released under the others.
INSERT INTO budget (account, product, granted_rho, granted_delta, reserved_rho, reserved_delta,
                    spent_rho, spent_delta)
    SELECT 'member:' || product || '/' || peer, product, SUM(rho), SUM(delta), 0, 0, SUM(rho), SUM(delta)
    FROM (SELECT agreement.product AS product, agreement.peer AS peer, reservation.rho AS rho,
                 reservation.delta AS delta
          FROM reservation JOIN agreement ON reservation.account = 'agreement:' || agreement.id
          WHERE agreement.side = 'provider'
          UNION ALL
          SELECT agreement.product, agreement.peer, data_use.rho, data_use.delta
          FROM data_use JOIN agreement ON agreement.id = data_use.agreement
          WHERE data_use.side = 'provider' AND NOT EXISTS
              (SELECT 1 FROM budget WHERE budget.account = 'agreement:' || agreement.id)) AS paid
    GROUP BY product, peer HAVING SUM(rho) > 0 OR SUM(delta) > 0;
INSERT INTO budget (account, product, granted_rho, granted_delta, reserved_rho, reserved_delta,
                    spent_rho, spent_delta)
    SELECT 'analyst:' || agreement.product || '/' || agreement.peer || '/' || data_use.person,
           agreement.product, SUM(data_use.rho), SUM(data_use.delta), 0, 0,
           SUM(data_use.rho), SUM(data_use.delta)
    FROM data_use JOIN agreement ON agreement.id = data_use.agreement
    WHERE data_use.side = 'provider'
    GROUP BY agreement.product, agreement.peer, data_use.person
    HAVING SUM(data_use.rho) > 0 OR SUM(data_use.delta) > 0;

-- Everything that happens to a product's budget, for whoever adds it up again.
CREATE TABLE budget_event (
    number  BIGINT NOT NULL PRIMARY KEY,
    product TEXT   NOT NULL,
    v       BIGINT NOT NULL,
    body    TEXT   NOT NULL
);
CREATE INDEX budget_event_product ON budget_event (product, number);

-- Answers that were paid for, by what was asked: asked again they are given again.
CREATE TABLE kept_answer (
    number    BIGINT NOT NULL PRIMARY KEY,
    agreement TEXT   NOT NULL,
    version   BIGINT NOT NULL,
    question  TEXT   NOT NULL,
    rho       BIGINT NOT NULL,
    delta     BIGINT NOT NULL,
    answer    TEXT   NOT NULL
);
CREATE INDEX kept_answer_question ON kept_answer (agreement, question);
