-- Full-text search over what each turn added. Only gemtap.stores.sqlite.search_index knows how this is kept.
-- The words themselves are in one FTS5 table for each part, `search_PART`, which is made when it is first needed: a part
-- is 2^22 seconds of the time at which requests were received, about 49 days.
CREATE TABLE search_parts (
    part INTEGER PRIMARY KEY,         -- the place >> 33
    places INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A place is the half hour of the request, and a number within it: FTS5 goes through places in order, and so in time.
-- It keeps no text, so that nothing can be taken out of it. What is deleted leaves its place behind, for nobody's use,
-- until the part is made anew without it.
CREATE TABLE search_places (
    place INTEGER PRIMARY KEY,
    interaction INTEGER               -- interactions.number; NULL where that is deleted
) STRICT;

CREATE UNIQUE INDEX search_places_by_interaction ON search_places (interaction) WHERE interaction IS NOT NULL;

-- What is yet to be made searchable; at first all that was recorded before.
CREATE TABLE search_due (
    interaction INTEGER PRIMARY KEY   -- interactions.number
) STRICT;

INSERT INTO search_due SELECT number FROM interactions;

CREATE TRIGGER search_of_deleted AFTER DELETE ON interactions BEGIN
    UPDATE search_parts SET deleted = deleted + 1
        WHERE part = (SELECT place >> 33 FROM search_places WHERE interaction = old.number);
    UPDATE search_places SET interaction = NULL WHERE interaction = old.number;
    DELETE FROM search_due WHERE interaction = old.number;
END;
