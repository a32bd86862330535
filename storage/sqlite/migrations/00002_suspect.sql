-- +goose Up
CREATE TABLE suspect (
    shard BIGINT NOT NULL,
    id TEXT NOT NULL, -- of the message
    tries BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (shard, id)
);

-- +goose Down
SELECT 1;
