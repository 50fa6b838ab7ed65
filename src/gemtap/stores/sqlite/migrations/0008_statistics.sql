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
