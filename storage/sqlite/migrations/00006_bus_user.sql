-- +goose Up
-- Programs that may send the commands of an account over the bus; their passwords are the broker's.
CREATE TABLE bus_user (
    name TEXT NOT NULL PRIMARY KEY,
    account BIGINT NOT NULL,
    created BIGINT NOT NULL
) WITHOUT ROWID;

-- How far the events of an account are sent to the programs of its tenants.
CREATE TABLE event_sent (
    account BIGINT NOT NULL PRIMARY KEY,
    upto TEXT NOT NULL
) WITHOUT ROWID;

-- +goose Down
SELECT 1;
