-- Hashes by which later turns of a conversation find an earlier one.
CREATE TABLE links (
    link BLOB NOT NULL,
    id   BLOB NOT NULL,
    PRIMARY KEY (link, id)
) WITHOUT ROWID;

CREATE INDEX links_by_id ON links (id);
