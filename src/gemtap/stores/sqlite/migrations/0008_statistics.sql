-- Where input tokens come from; nothing is known of rows from before.
ALTER TABLE interactions ADD COLUMN context_system INTEGER;
ALTER TABLE interactions ADD COLUMN context_tools INTEGER;
ALTER TABLE interactions ADD COLUMN context_media INTEGER;
ALTER TABLE interactions ADD COLUMN context_results INTEGER;
ALTER TABLE interactions ADD COLUMN context_history INTEGER;
ALTER TABLE interactions ADD COLUMN context_new INTEGER;

-- With all that a list of threads adds up.
DROP INDEX interactions_by_thread;
CREATE INDEX interactions_by_thread ON interactions (thread, timestamp, id, total_tokens, cost_usd);

-- The parts of statistics of whole days by one field, see gemtap.stores.days. They can be counted again at any time.
CREATE TABLE day_parts (
    day INTEGER NOT NULL,             -- days since 1970 (UTC)
    field TEXT NOT NULL,              -- what they are told apart by: see gemtap.stores.days.kept_as
    parts BLOB NOT NULL,              -- msgpack
    PRIMARY KEY (day, field)
) STRICT;

CREATE TRIGGER day_parts_after_insert AFTER INSERT ON interactions BEGIN
    DELETE FROM day_parts WHERE day = new.timestamp / 86400000;
END;

CREATE TRIGGER day_parts_after_delete AFTER DELETE ON interactions BEGIN
    DELETE FROM day_parts WHERE day = old.timestamp / 86400000;
END;

-- Annotations change nothing that is counted.
CREATE TRIGGER day_parts_after_update AFTER UPDATE OF timestamp, provider, operation, model, outcome, status, failed,
    finish_reason, client, client_key, client_user, thread, request_duration_ms, first_byte_ms, input_tokens,
    cached_tokens, output_tokens, reasoning_tokens, tool_use_tokens, total_tokens, cost_usd, context_system,
    context_tools, context_media, context_results, context_history, context_new ON interactions BEGIN
    DELETE FROM day_parts WHERE day IN (old.timestamp / 86400000, new.timestamp / 86400000);
END;
