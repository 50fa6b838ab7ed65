-- Of a request that was sent again: which interaction's it was. Until now there were none.
ALTER TABLE interactions ADD COLUMN replay_of BLOB;

CREATE INDEX interactions_by_replay_of ON interactions (replay_of, timestamp, id) WHERE replay_of IS NOT NULL;
