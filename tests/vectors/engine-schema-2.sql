ALTER TABLE run ADD COLUMN resume_ms INTEGER NOT NULL DEFAULT 0;
DROP INDEX run_unfinished;
CREATE INDEX run_unfinished ON run (id) WHERE finished_ms = 0 AND resume_ms = 0;
CREATE INDEX run_paused ON run (resume_ms) WHERE resume_ms > 0;
INSERT INTO schema_migration VALUES (2, 2);
INSERT INTO run (id, project_id, flow_id, version_id, display_name, environment, status, steps_count, created_ms,
    updated_ms, started_ms, finished_ms, resume_ms)
    VALUES ('run3', 'p', 'f', 'v', 'Flow', 'PRODUCTION', 'PAUSED', 1, 1, 1, 1, 0, 9);
