-- More of what lists filter by; rows from before are given it from their documents.
ALTER TABLE interactions ADD COLUMN model_version TEXT;
ALTER TABLE interactions ADD COLUMN finish_reason TEXT;
ALTER TABLE interactions ADD COLUMN streaming INTEGER;
ALTER TABLE interactions ADD COLUMN client_key TEXT;
ALTER TABLE interactions ADD COLUMN client_user TEXT;

UPDATE interactions SET (model_version, finish_reason, streaming, client_key, client_user) = (
    SELECT old ->> '$.model_version', old ->> '$.finish_reason', old ->> '$.streaming', old ->> '$.client.key',
           old ->> '$.client.user'
    FROM (SELECT unzstd(document) AS old)
);

CREATE INDEX interactions_by_model_version ON interactions (model_version, timestamp, id);
CREATE INDEX interactions_by_finish_reason ON interactions (finish_reason, timestamp, id);
CREATE INDEX interactions_by_client_key ON interactions (client_key, timestamp, id);
CREATE INDEX interactions_by_client_user ON interactions (client_user, timestamp, id) WHERE client_user IS NOT NULL;
CREATE INDEX interactions_failed ON interactions (timestamp, id) WHERE failed = 1;
