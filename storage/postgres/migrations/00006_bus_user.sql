-- +goose Up
-- Programs that may send the commands of an account over the bus; their passwords are the broker's.
CREATE TABLE bus_user (
    name TEXT NOT NULL PRIMARY KEY,
    account BIGINT NOT NULL,
    created BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
