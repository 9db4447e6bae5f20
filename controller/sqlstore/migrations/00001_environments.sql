-- SPDX-License-Identifier: Apache-2.0
-- Times are nanoseconds since 1970, UTC; 0 means none. Columns that hold JSON say so.

-- +goose Up
CREATE TABLE packages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- the highest of a name is the newest
    digest TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    zip BLOB NOT NULL,
    added BIGINT NOT NULL
);
CREATE INDEX packages_name ON packages (name, number);

CREATE TABLE environments (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    spec BLOB NOT NULL, -- YAML; holds secrets; emptied on deletion
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    deployment TEXT NOT NULL,
    network TEXT NOT NULL, -- JSON
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE UNIQUE INDEX environments_living ON environments (name) WHERE state <> 'deleted';
CREATE INDEX environments_name ON environments (name, created);

CREATE TABLE deployments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    environment_id TEXT NOT NULL REFERENCES environments (id),
    environment TEXT NOT NULL,
    wish TEXT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    packages TEXT NOT NULL, -- JSON
    leftovers TEXT NOT NULL, -- JSON
    started BIGINT NOT NULL,
    ended BIGINT NOT NULL
);
CREATE UNIQUE INDEX deployments_running ON deployments (environment_id) WHERE state = 'running';
CREATE INDEX deployments_environment ON deployments (environment_id, number);

CREATE TABLE applications (
    environment_id TEXT NOT NULL REFERENCES environments (id),
    name TEXT NOT NULL,
    package TEXT NOT NULL,
    package_digest TEXT NOT NULL,
    deployment TEXT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    depends_on TEXT NOT NULL, -- JSON
    parameters TEXT NOT NULL, -- JSON; holds secrets
    stack TEXT NOT NULL, -- JSON
    outputs TEXT NOT NULL, -- JSON
    updated BIGINT NOT NULL,
    PRIMARY KEY (environment_id, name)
);

CREATE TABLE servers (
    queue TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id),
    environment TEXT NOT NULL,
    application TEXT NOT NULL,
    server_group TEXT NOT NULL,
    server_index INTEGER NOT NULL,
    host_id TEXT NOT NULL,
    hostname TEXT NOT NULL,
    user_data BLOB, -- holds the broker's password
    id TEXT NOT NULL,
    address TEXT NOT NULL,
    floating TEXT NOT NULL,
    since BIGINT NOT NULL,
    hello BIGINT NOT NULL,
    hello_version TEXT NOT NULL,
    hello_boot_id TEXT NOT NULL,
    UNIQUE (environment_id, application, server_group, server_index)
);

CREATE TABLE plans (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    environment_id TEXT NOT NULL, -- empty: sent by hand
    deployment TEXT NOT NULL,
    application TEXT NOT NULL,
    phase TEXT NOT NULL,
    step TEXT NOT NULL,
    server TEXT NOT NULL,
    digest TEXT NOT NULL,
    stamp BIGINT NOT NULL,
    body BLOB NOT NULL, -- may hold secrets
    signature BLOB,
    timeout BIGINT NOT NULL, -- nanoseconds
    created BIGINT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    result BLOB,
    result_at BIGINT NOT NULL
);
CREATE INDEX plans_environment ON plans (environment_id, number);
CREATE INDEX plans_queue ON plans (queue, stamp);

CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time BIGINT NOT NULL,
    environment_id TEXT NOT NULL REFERENCES environments (id),
    environment TEXT NOT NULL,
    deployment TEXT NOT NULL,
    application TEXT NOT NULL,
    server TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    text TEXT NOT NULL,
    fields TEXT NOT NULL, -- JSON
    once TEXT NOT NULL
);
CREATE INDEX events_environment ON events (environment_id, seq);
CREATE UNIQUE INDEX events_once ON events (deployment, once) WHERE once <> '';

-- +goose Down
DROP TABLE events;
DROP TABLE plans;
DROP TABLE servers;
DROP TABLE applications;
DROP TABLE deployments;
DROP TABLE environments;
DROP TABLE packages;
