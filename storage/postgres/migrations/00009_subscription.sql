-- +goose Up
-- Queues of events that tenants ordered beside those that every user of the bus has. Types are separated by commas; server 0 is none.
CREATE TABLE subscription (
    bus_user TEXT NOT NULL,
    name TEXT NOT NULL,
    account BIGINT NOT NULL,
    types TEXT NOT NULL,
    server BIGINT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (bus_user, name)
);

-- +goose Down
SELECT 1;
