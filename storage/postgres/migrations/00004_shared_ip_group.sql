-- +goose Up
CREATE TABLE shared_ip_group (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
) WITH (fillfactor = 60);
CREATE INDEX shared_ip_group_account ON shared_ip_group (account, id);
CREATE INDEX shared_ip_group_wake ON shared_ip_group (shard) WHERE wake_at IS NOT NULL;
INSERT INTO id_source (kind, next) VALUES ('shared_ip_group', 1);

-- +goose Down
SELECT 1;
