-- Ratings and tags as lists filter by them; the documents have them too. Until now nobody could set any.
ALTER TABLE interactions ADD COLUMN rating TEXT;

CREATE INDEX interactions_by_rating ON interactions (rating, timestamp, id) WHERE rating IS NOT NULL;

CREATE TABLE tags (
    tag TEXT NOT NULL,
    number INTEGER NOT NULL,          -- of the interaction
    PRIMARY KEY (tag, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_by_number ON tags (number);

CREATE TRIGGER tags_of_deleted AFTER DELETE ON interactions BEGIN
    DELETE FROM tags WHERE number = old.number;
END;
