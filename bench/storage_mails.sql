-- What the storage bench has besides results; :series of them, the last :tested with four revisions, each with a run.
-- Ids are computed, so that rows find each other: revision = series * 4 + version - 1, message = revision * 8 + place,
-- run = series * 5 (the baseline) + version, step = run * 4 + place.
CREATE TEMP TABLE posted AS
SELECT s AS series, v AS version, s * 4 + v - 1 AS revision, s * 4 + v - 1 || '.0@example.org' AS root,
    'bpf: ' || (ARRAY['Ring', 'Map', 'Iterator', 'Cgroup', 'Socket', 'Arena', 'Timer'])[s % 7 + 1]
        || ' buffers, part ' || to_hex(s * 2654435761) AS title,
    'Person ' || s % 900 AS author_name, 'person' || s % 900 || '@example.org' AS author_email,
    ARRAY[(ARRAY['bpf-next', 'bpf', 'net'])[s % 3 + 1]] AS tags,
    timestamptz '2026-11-01 00:00 UTC' - (:series - s) * interval '9 minutes' - (4 - v) * interval '2 days' AS posted_at
FROM generate_series(1, :series) s, generate_series(1, CASE WHEN s > :series - :tested THEN 4 ELSE 1 END) v;

INSERT INTO threads (id, message_id, state, requested_by, created_at, fetched_at) OVERRIDING SYSTEM VALUE
SELECT revision, root, 'fetched', 'bench', posted_at, posted_at FROM posted ORDER BY revision;

-- A cover letter, five patches, two answers to the first of them.
INSERT INTO messages (id, message_id, thread_id, kind, subject, author_name, author_email, sent_at, in_reply_to,
    "references", root, body, raw) OVERRIDING SYSTEM VALUE
SELECT revision * 8 + m, revision || '.' || m || '@example.org', revision,
    CASE WHEN m = 0 THEN 'cover letter' WHEN m < 6 THEN 'patch' ELSE 'comment' END,
    CASE WHEN m < 6 THEN '[PATCH v' || version || ' ' || m || '/5] ' ELSE 'Re: [PATCH v' || version || ' 1/5] ' END || title,
    author_name, author_email, posted_at, CASE WHEN m = 0 THEN NULL WHEN m < 6 THEN root ELSE revision || '.1@example.org' END,
    CASE WHEN m = 0 THEN '{}' ELSE ARRAY[root] END, root,
    repeat('This counts what was dropped, ring by ring, number ' || revision || '. ', 8),
    convert_to(repeat('This counts what was dropped, ring by ring, number ' || revision || '. ', 12), 'UTF8')
FROM posted, generate_series(0, 7) m ORDER BY revision, m;

INSERT INTO series (id, title, author_name, author_email, tags, first_posted, last_posted) OVERRIDING SYSTEM VALUE
SELECT series, title, author_name, author_email, tags, min(posted_at), max(posted_at) FROM posted
GROUP BY series, title, author_name, author_email, tags ORDER BY series;

INSERT INTO revisions (id, series_id, position, version, label, rfc, resend, tags, title, author_name, author_email,
    posted_at, root_id, cover_id, total, missing, prerequisites) OVERRIDING SYSTEM VALUE
SELECT revision, series, version - 1, version, 'v' || version, false, false, tags, title, author_name, author_email,
    posted_at, root, revision * 8, 5, '{}', '{}'
FROM posted ORDER BY revision;

INSERT INTO patches (id, revision_id, message_pk, position, title, diff, files, additions, deletions)
OVERRIDING SYSTEM VALUE
SELECT revision * 8 + m, revision, revision * 8 + m, m, title, repeat('+ count += dropped;' || chr(10), 20),
    ARRAY['kernel/bpf/ringcount.c'], 20, 0
FROM posted, generate_series(1, 5) m ORDER BY revision, m;

INSERT INTO comments (id, message_pk, revision_id, patch_id, trailers, anchors) OVERRIDING SYSTEM VALUE
SELECT revision * 8 + m, revision * 8 + m, revision, revision * 8 + 1, '{}', '[]'
FROM posted, generate_series(6, 7) m ORDER BY revision, m;

INSERT INTO runs (id, revision_id, baseline_id, tree, base_commit, base_reason, profile, files, inputs_key, pool, state,
    verdict, sentence, evidence, newest_attempt, results_attempt, toolchain, selection, requested_by, created_at,
    started_at, finished_at) OVERRIDING SYSTEM VALUE
SELECT series * 5 + v, CASE WHEN v > 0 THEN series * 4 + v - 1 END, CASE WHEN v > 0 THEN series * 5 END, 'bpf-next',
    md5(series::text) || '00000000', 'the tree''s newest commit', 'bpf-full', '{kernel/bpf/ringcount.c}',
    series || '.' || v, 'default', 'done', CASE WHEN v > 0 THEN 'regressed' END,
    CASE WHEN v > 0 THEN 'v' || v || ' regresses some tests.' END, '{"accelerator": "tcg"}', 1, 1,
    '{"clang": "19.1.7"}', '[]', 'bench', posted_at, posted_at, posted_at + interval '40 minutes'
FROM posted, generate_series(0, 4) v WHERE series > :series - :tested AND (v = version OR v = 0 AND version = 1)
ORDER BY 1;

INSERT INTO attempts (run_id, number, kind, worker, started_at, finished_at, ending)
SELECT id, 1, 'execute', 'builder/1/1', started_at, finished_at, 'done' FROM runs ORDER BY id;

INSERT INTO steps (id, run_id, attempt, name, outcome, summary, detail, started_at, finished_at) OVERRIDING SYSTEM VALUE
SELECT runs.id * 4 + place - 1, runs.id, 1, (ARRAY['apply', 'build', 'boot', 'selftests'])[place], 'pass', 'done', '{}',
    started_at + place * interval '5 minutes', started_at + (place + 1) * interval '5 minutes'
FROM runs, generate_series(1, 4) place ORDER BY 1;

SELECT setval(pg_get_serial_sequence('threads', 'id'), (SELECT max(id) FROM threads)),
    setval(pg_get_serial_sequence('messages', 'id'), (SELECT max(id) FROM messages)),
    setval(pg_get_serial_sequence('series', 'id'), (SELECT max(id) FROM series)),
    setval(pg_get_serial_sequence('revisions', 'id'), (SELECT max(id) FROM revisions)),
    setval(pg_get_serial_sequence('patches', 'id'), (SELECT max(id) FROM patches)),
    setval(pg_get_serial_sequence('comments', 'id'), (SELECT max(id) FROM comments)),
    setval(pg_get_serial_sequence('runs', 'id'), (SELECT max(id) FROM runs)),
    setval(pg_get_serial_sequence('steps', 'id'), (SELECT max(id) FROM steps))
