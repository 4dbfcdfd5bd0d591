-- Which transformations an event has met. The same few texts stand in all rows: they cost next to nothing.
ALTER TABLE {database}.events{local}{on_cluster}
    ADD COLUMN IF NOT EXISTS transforms_applied LowCardinality(String)
        COMMENT 'The transformations that changed it, as name@version, separated by spaces, in their order'
        AFTER person_properties,
    ADD COLUMN IF NOT EXISTS transforms_failed LowCardinality(String)
        COMMENT 'Those that failed on it and were skipped' AFTER transforms_applied;

-- The distributed table over it, if there is one, has columns of its own; on one server this is the same table.
ALTER TABLE {database}.events{on_cluster}
    ADD COLUMN IF NOT EXISTS transforms_applied LowCardinality(String)
        COMMENT 'The transformations that changed it, as name@version, separated by spaces, in their order'
        AFTER person_properties,
    ADD COLUMN IF NOT EXISTS transforms_failed LowCardinality(String)
        COMMENT 'Those that failed on it and were skipped' AFTER transforms_applied;

-- What an event was stamped with counts only where nothing newer is known. Of sessions, only dead starts lead elsewhere.
-- A client's join_use_nulls would make null of what is not known, and null is not false.
CREATE OR REPLACE VIEW {database}.events_resolved{on_cluster}
(
    uuid UUID COMMENT 'The event''s identity within its project and distinct id',
    project Int64 COMMENT 'The tenant, by its id in the configuration',
    event LowCardinality(String) COMMENT 'The event''s name',
    distinct_id String COMMENT 'How the sender names the actor: a device, a user',
    person_id UUID COMMENT 'The actor, as known now',
    person_identified Bool COMMENT 'Whether the actor has said who it is, as known now',
    session_id String COMMENT 'The visit, as known now; empty where there is none',
    session_given Bool COMMENT 'Whether the sender named the visit; otherwise it is derived from the events'' times',
    session_start DateTime64(6, 'UTC') COMMENT 'When the derived visit begins, as known now',
    timestamp DateTime64(6, 'UTC') COMMENT 'When it happened, corrected for the sender''s clock',
    received_at DateTime64(6, 'UTC') COMMENT 'When the edge got it',
    properties String COMMENT 'What the sender says about the event: the text of a JSON object',
    `set` String COMMENT 'Person properties to set: a JSON object, or empty',
    set_once String COMMENT 'Person properties to set if they are not set yet: a JSON object, or empty',
    unset String COMMENT 'Person properties to remove: a JSON array of names, or empty',
    person_properties String COMMENT 'The person''s properties as they were then: a JSON object, or empty',
    transforms_applied Array(String) COMMENT 'The transformations that changed it, as name@version, in their order',
    transforms_failed Array(String) COMMENT 'Those that failed on it and were skipped'
)
AS
SELECT
    e.uuid AS uuid,
    e.project AS project,
    e.event AS event,
    e.distinct_id AS distinct_id,
    if(known.known, known.person_id, e.person_id) AS person_id,
    if(known.known, known.identified, e.person_identified) AS person_identified,
    if(moved.known, moved.session_id, e.session_id) AS session_id,
    e.session_given AS session_given,
    if(moved.known, moved.session_start, e.session_start) AS session_start,
    e.timestamp AS timestamp,
    e.received_at AS received_at,
    e.properties AS properties,
    e.`set` AS `set`,
    e.set_once AS set_once,
    e.unset AS unset,
    e.person_properties AS person_properties,
    splitByWhitespace(toString(e.transforms_applied)) AS transforms_applied,
    splitByWhitespace(toString(e.transforms_failed)) AS transforms_failed
FROM (SELECT * FROM {database}.events FINAL SETTINGS do_not_merge_across_partitions_select_final = 1) AS e
LEFT ANY JOIN
(
    SELECT project, distinct_id, person_id, identified, true AS known FROM {database}.person_distinct_id_overrides FINAL
) AS known ON e.project = known.project AND e.distinct_id = known.distinct_id
LEFT ANY JOIN
(
    SELECT project, distinct_id, start, session_start, session_id, true AS known, false AS given
    FROM {database}.session_moves
) AS moved
ON e.project = moved.project AND e.distinct_id = moved.distinct_id AND e.session_start = moved.start
    AND e.session_given = moved.given
SETTINGS join_use_nulls = 0
COMMENT 'Every event exactly once, with the person and the visit that are known now: what analysts read';
