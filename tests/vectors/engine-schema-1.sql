CREATE TABLE schema_migration (version INTEGER PRIMARY KEY NOT NULL, applied_ms INTEGER NOT NULL);
INSERT INTO schema_migration VALUES (1, 1);
CREATE TABLE platform (
    id TEXT PRIMARY KEY NOT NULL,
    owner_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE user (
    id TEXT PRIMARY KEY NOT NULL,
    platform_id TEXT NOT NULL REFERENCES platform (id),
    email TEXT NOT NULL UNIQUE,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    platform_role TEXT NOT NULL,
    status TEXT NOT NULL,
    token_version TEXT NOT NULL,
    track_events INTEGER NOT NULL,
    news_letter INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE project (
    id TEXT PRIMARY KEY NOT NULL,
    platform_id TEXT NOT NULL REFERENCES platform (id),
    owner_id TEXT NOT NULL REFERENCES user (id),
    display_name TEXT NOT NULL,
    type TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX project_owner ON project (owner_id, created_ms);
CREATE TABLE flow (
    id TEXT PRIMARY KEY NOT NULL,
    project_id TEXT NOT NULL REFERENCES project (id),
    external_id TEXT NOT NULL,
    owner_id TEXT,
    folder_id TEXT,
    status TEXT NOT NULL,
    published_version_id TEXT,
    metadata TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    UNIQUE (project_id, external_id)
) WITHOUT ROWID;
CREATE INDEX flow_updated ON flow (project_id, updated_ms, id);
CREATE TABLE flow_version (
    id TEXT PRIMARY KEY NOT NULL,
    flow_id TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    display_name TEXT NOT NULL,
    trigger TEXT NOT NULL,
    valid INTEGER NOT NULL,
    schema_version TEXT NOT NULL,
    state TEXT NOT NULL,
    connection_ids TEXT NOT NULL,
    updated_by TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX flow_version_flow ON flow_version (flow_id, created_ms, id);
CREATE TABLE run (
    id TEXT PRIMARY KEY NOT NULL,
    project_id TEXT NOT NULL,
    flow_id TEXT NOT NULL,
    version_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    status TEXT NOT NULL,
    failed_step TEXT,
    steps_count INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    finished_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX run_project ON run (project_id, environment, created_ms, id);
CREATE INDEX run_unfinished ON run (id) WHERE finished_ms = 0;
CREATE TABLE run_journal (
    run_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    entries TEXT NOT NULL,
    PRIMARY KEY (run_id, sequence)
) WITHOUT ROWID;
CREATE TABLE webhook_delivery (
    flow_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (flow_id, delivery_id)
) WITHOUT ROWID;
INSERT INTO platform VALUES ('pl', 'u', 1);
INSERT INTO user VALUES ('u', 'pl', 'ann@example.org', 'Ann', 'Lee', 'x', 'ADMIN', 'ACTIVE', '1', 0, 0, 1, 1);
INSERT INTO project VALUES ('p', 'pl', 'u', 'Project', 'PERSONAL', 1, 1);
INSERT INTO flow VALUES ('f', 'p', 'f', 'u', NULL, 'ENABLED', 'v', NULL, 1, 1);
INSERT INTO flow_version VALUES ('v', 'f', 'Flow', '{}', 1, '22', 'LOCKED', '[]', 'u', 1, 1);
INSERT INTO run VALUES ('run1', 'p', 'f', 'v', 'Flow', 'PRODUCTION', 'RUNNING', NULL, 1, 1, 1, 1, 0);
INSERT INTO run VALUES ('run2', 'p', 'f', 'v', 'Flow', 'PRODUCTION', 'SUCCEEDED', NULL, 1, 1, 1, 1, 2);
INSERT INTO run_journal VALUES ('run1', 0, '[1]');
INSERT INTO webhook_delivery VALUES ('f', 'd', 'run1', 1);
