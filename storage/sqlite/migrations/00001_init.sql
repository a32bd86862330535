-- +goose Up
-- Times are microseconds of Unix time. Snapshots share their columns; ids are unique indexes over rowid
-- tables, because rows of 64 id blocks land on few pages only when they are appended.

CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    incarnation TEXT NOT NULL,
    seal TEXT NOT NULL DEFAULT '', -- fingerprint of the key that payloads are sealed with
    events_swept BIGINT NOT NULL -- events before this time may be gone
);
INSERT INTO store (one, incarnation, events_swept) VALUES (1, lower(hex(randomblob(16))), 0);

-- The next id that no shard has leased; base images are 1 to 999.
CREATE TABLE id_source (
    kind TEXT NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO id_source (kind, next) VALUES ('server', 1), ('image', 1000), ('host', 1);

CREATE TABLE shard (
    id BIGINT NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    owner TEXT NOT NULL,
    claimed BIGINT NOT NULL
);
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 63)
INSERT INTO shard (id, epoch, owner, claimed) SELECT i, 0, '', 0 FROM n;

-- What a shard has leased of the ids of a kind: [next, upto).
CREATE TABLE id_block (
    shard BIGINT NOT NULL,
    kind TEXT NOT NULL,
    next BIGINT NOT NULL,
    upto BIGINT NOT NULL,
    PRIMARY KEY (shard, kind)
) WITHOUT ROWID;

CREATE TABLE committer (
    id TEXT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL,
    updated BIGINT NOT NULL
);

CREATE TABLE node (
    name TEXT NOT NULL PRIMARY KEY,
    seen BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE rate (
    account BIGINT NOT NULL,
    rule TEXT NOT NULL,
    tokens BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (account, rule)
) WITHOUT ROWID;

CREATE TABLE users (
    name TEXT NOT NULL PRIMARY KEY,
    account BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE api_key (
    user_name TEXT NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE token (
    hash BLOB NOT NULL PRIMARY KEY,
    user_name TEXT NOT NULL,
    account BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    expires BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX token_user ON token (user_name);

CREATE TABLE flavor (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    ram BIGINT NOT NULL,
    disk BIGINT NOT NULL,
    cpu_weight BIGINT NOT NULL,
    UNIQUE (ram, disk, cpu_weight)
);

CREATE TABLE account (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
);
CREATE INDEX account_wake ON account (shard) WHERE wake_at IS NOT NULL;

CREATE TABLE server (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
);
CREATE INDEX server_account ON server (account, id);
CREATE INDEX server_wake ON server (shard) WHERE wake_at IS NOT NULL;
CREATE INDEX server_deleted ON server (updated) WHERE status = 'DELETED';

CREATE TABLE image (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
);
CREATE INDEX image_account ON image (account, id);
CREATE INDEX image_wake ON image (shard) WHERE wake_at IS NOT NULL;

CREATE TABLE host (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
);
CREATE INDEX host_wake ON host (shard) WHERE wake_at IS NOT NULL;

CREATE TABLE cluster (
    id BIGINT NOT NULL PRIMARY KEY, account BIGINT NOT NULL, shard BIGINT NOT NULL,
    epoch BIGINT NOT NULL, version BIGINT NOT NULL, v BIGINT NOT NULL,
    name TEXT NOT NULL, parent BIGINT NOT NULL, status TEXT NOT NULL,
    state TEXT NOT NULL, rendered TEXT,
    created BIGINT NOT NULL, updated BIGINT NOT NULL, wake_at BIGINT
);
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
);

CREATE TABLE address (
    ip TEXT NOT NULL PRIMARY KEY,
    cluster BIGINT NOT NULL,
    public BIGINT NOT NULL,
    server BIGINT NOT NULL, -- 0: in quarantine until free_at
    free_at BIGINT NOT NULL
);

CREATE TABLE operation (
    id TEXT NOT NULL,
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
    payload BLOB CHECK (payload IS NULL OR unfinished = 1), -- sealed: what its steps still have to deliver
    PRIMARY KEY (account, id)
);
CREATE INDEX operation_unfinished ON operation (shard) WHERE unfinished = 1;

CREATE TABLE idempotency (
    account BIGINT NOT NULL,
    hash BLOB NOT NULL,
    operation TEXT NOT NULL,
    digest BLOB,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (account, hash)
) WITHOUT ROWID;

CREATE TABLE event (
    position INTEGER PRIMARY KEY, -- the cursor of readers, ascending
    kind TEXT NOT NULL,
    source BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    account BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    type TEXT NOT NULL,
    time BIGINT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, source, sequence)
);

CREATE TABLE outbox (
    shard BIGINT NOT NULL,
    id TEXT NOT NULL,
    to_shard BIGINT NOT NULL,
    type TEXT NOT NULL,
    created BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (shard, id)
);

-- +goose Down
SELECT 1;
