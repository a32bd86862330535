-- +goose Up
-- Times are microseconds of Unix time. Snapshots share their columns. The columns are those of SQLite's
-- schema; what only this one has is named in the test that compares them.
-- Texts that are keys compare by their bytes, as in SQLite.
-- Rows that change often leave room in their pages, so that a change that touches no index stays in its page.

CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    incarnation TEXT NOT NULL,
    seal TEXT NOT NULL DEFAULT '', -- fingerprint of the key that payloads are sealed with
    events_swept BIGINT NOT NULL, -- events before this time may be gone
    cluster TEXT NOT NULL -- the system identifier and timeline that the incarnation is of; '': not known yet
);
INSERT INTO store (one, incarnation, events_swept, cluster)
VALUES (1, replace(gen_random_uuid()::TEXT, '-', ''), 0, '');

-- The next id that no shard has leased; base images are 1 to 999.
CREATE TABLE id_source (
    kind TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);
INSERT INTO id_source (kind, next) VALUES ('server', 1), ('image', 1000), ('host', 1);

CREATE TABLE shard (
    id BIGINT NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    owner TEXT NOT NULL,
    claimed BIGINT NOT NULL
);
INSERT INTO shard (id, epoch, owner, claimed) SELECT i, 0, '', 0 FROM generate_series(0, 63) AS n (i);

-- What a shard has leased of the ids of a kind: [next, upto).
CREATE TABLE id_block (
    shard BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    next BIGINT NOT NULL,
    upto BIGINT NOT NULL,
    PRIMARY KEY (shard, kind)
) WITH (fillfactor = 20);

CREATE TABLE committer (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL,
    updated BIGINT NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE node (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seen BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE rate (
    account BIGINT NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    tokens BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (account, rule)
);

CREATE TABLE users (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE api_key (
    user_name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    hash BYTEA NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE token (
    hash BYTEA NOT NULL PRIMARY KEY,
    user_name TEXT COLLATE "C" NOT NULL,
    account BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX token_user ON token (user_name);

CREATE TABLE flavor (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    ram BIGINT NOT NULL,
    disk BIGINT NOT NULL,
    cpu_weight BIGINT NOT NULL,
    UNIQUE (ram, disk, cpu_weight)
);

CREATE TABLE account (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
) WITH (fillfactor = 60);
CREATE INDEX account_wake ON account (shard) WHERE wake_at IS NOT NULL;

CREATE TABLE server (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
) WITH (fillfactor = 60);
CREATE INDEX server_account ON server (account, id);
CREATE INDEX server_wake ON server (shard) WHERE wake_at IS NOT NULL;
CREATE INDEX server_deleted ON server (id) WHERE status = 'DELETED';

CREATE TABLE image (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
) WITH (fillfactor = 60);
CREATE INDEX image_account ON image (account, id);
CREATE INDEX image_wake ON image (shard) WHERE wake_at IS NOT NULL;

CREATE TABLE host (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
) WITH (fillfactor = 60);
CREATE INDEX host_wake ON host (shard) WHERE wake_at IS NOT NULL;

CREATE TABLE cluster (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
) WITH (fillfactor = 60);
CREATE INDEX cluster_wake ON cluster (shard) WHERE wake_at IS NOT NULL;

CREATE TABLE reservation (
    server BIGINT NOT NULL,
    copy BIGINT NOT NULL,
    cluster BIGINT NOT NULL,
    host BIGINT NOT NULL,
    account BIGINT NOT NULL,
    operation TEXT NOT NULL,
    ram BIGINT NOT NULL CHECK (ram >= 0),
    disk BIGINT NOT NULL CHECK (disk >= 0),
    released BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (server, copy)
);

-- What the live reservations of a host hold together: no commit can go above its capacity.
CREATE TABLE host_load (
    host BIGINT NOT NULL PRIMARY KEY,
    ram BIGINT NOT NULL,
    disk BIGINT NOT NULL,
    ram_used BIGINT NOT NULL,
    disk_used BIGINT NOT NULL,
    CONSTRAINT host_capacity CHECK (ram_used >= 0 AND disk_used >= 0 AND ram_used <= ram AND disk_used <= disk)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE address (
    ip TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    cluster BIGINT NOT NULL,
    public BIGINT NOT NULL,
    server BIGINT NOT NULL, -- 0: in quarantine until free_at
    free_at BIGINT NOT NULL
);

-- Operations and events are in parts, one for each day of UTC, which are made when they are needed and dropped when they are
-- old. An operation's day is in its id, which is a UUIDv7.
CREATE TABLE operation (
    id TEXT COLLATE "C" NOT NULL,
    account BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    unfinished BIGINT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    reply_to TEXT NOT NULL,
    doc TEXT NOT NULL,
    answer TEXT,
    payload BYTEA CHECK (payload IS NULL OR unfinished = 1), -- sealed: what its steps still have to deliver
    PRIMARY KEY (account, id)
) PARTITION BY RANGE (id);
CREATE INDEX operation_unfinished ON operation (shard) WHERE unfinished = 1;

CREATE TABLE idempotency (
    account BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    operation TEXT NOT NULL,
    digest BYTEA,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (account, hash)
);

-- Whether an operation was refused. As a function it costs the statement that writes keys nothing until a key is there
-- already: a part of the statement would open every day of operations each time.
-- +goose StatementBegin
CREATE FUNCTION refused(account BIGINT, id TEXT) RETURNS BOOLEAN LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM operation AS o WHERE o.account = $1 AND o.id = $2 AND o.state IN ('rejected', 'expired'));
END $$;
-- +goose StatementEnd

CREATE SEQUENCE event_position;
CREATE TABLE event (
    -- Ascending in a source. Between sources a later position may be committed earlier: the cursor of readers is
    -- (xact, position), and they read below pg_snapshot_xmin(pg_current_snapshot()) only.
    position BIGINT NOT NULL DEFAULT nextval('event_position'),
    xact XID8 NOT NULL DEFAULT pg_current_xact_id(),
    kind TEXT COLLATE "C" NOT NULL,
    source BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    account BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    type TEXT NOT NULL,
    time BIGINT NOT NULL,
    body TEXT NOT NULL
) PARTITION BY RANGE (time);
CREATE INDEX event_account ON event (account, xact, position);
-- Each part has a unique index over (kind, source, sequence) too: the number of an event is that of its source's state,
-- which is written over an older one only, so it cannot come again on another day.

CREATE TABLE outbox (
    shard BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    to_shard BIGINT NOT NULL,
    type TEXT NOT NULL,
    created BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (shard, id)
);

-- +goose Down
SELECT 1;
