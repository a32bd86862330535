-- +goose Up
-- The requests that an account made under a rule in the window that ends at until. Nothing was in the table before.
DROP TABLE rate;
CREATE TABLE rate (
    account BIGINT NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    used BIGINT NOT NULL,
    value BIGINT NOT NULL, -- as many are allowed
    until BIGINT NOT NULL,
    PRIMARY KEY (account, rule)
);

-- Where the rate limits of an account differ from the usual, as text.
CREATE TABLE rate_limit (
    account BIGINT NOT NULL PRIMARY KEY,
    limits TEXT COLLATE "C" NOT NULL
);
INSERT INTO rate_limit (account, limits) SELECT id, 'off' FROM account WHERE state::json->>'rate_limits' = 'false';

-- +goose Down
SELECT 1;
