-- $s0 = 2025-12-29 to 2026-06-29 (27)
-- $e0 = 2026-01-05 to 2026-07-06 (27)
-- $high0 = 2026-01-04 23:00:00 to 2026-07-05 22:00:00 (27)
-- $low0 = 2025-10-06 22:00:00 to 2026-04-06 22:00:00 (27)
-- $w0_p = 2025-12-29 to 2026-06-29 (27)
-- $first_k0 = 2026-01-01
-- $fresh_k0 = 2026-07-01
WITH periods AS (
  SELECT unnest($s0) AS s0, unnest($e0) AS e0
),
w0 AS (
  SELECT unnest($w0_p) AS w0_p, unnest($low0) AS low0, unnest($high0) AS high0
),
f0 AS (
  SELECT w.w0_p AS period, count_if("t"."score" >= 9) AS a0, count("t"."score" >= 9) AS a1, count_if("t"."score" <= 6) AS a2, count("t"."score" <= 6) AS a3, count("t"."score") AS a4
  FROM main."surveys" AS t JOIN w0 AS w ON true
  WHERE t."answered_at" < w.high0 AND t."answered_at" >= w.low0
  GROUP BY 1
),
grid AS (
  SELECT p.*, coalesce(p.e0 > $first_k0 AND p.s0 <= $fresh_k0, false) AS k0 FROM periods AS p
),
level0 AS (
  SELECT g.*, 100 * ((CASE WHEN f0.a1 > 0 THEN f0.a0 WHEN g.k0 THEN 0 END) - (CASE WHEN f0.a3 > 0 THEN f0.a2 WHEN g.k0 THEN 0 END)) / NULLIF((CASE WHEN f0.a4 > 0 THEN f0.a4 WHEN g.k0 THEN 0 END), 0) AS v_m0, coalesce(greatest(f0.a1, f0.a3, f0.a4), 0) AS n_m0
  FROM grid AS g
  LEFT JOIN f0 ON f0.period = g.s0
)
SELECT s0 AS period, v_m0 AS "recent_nps", n_m0 AS "recent_nps n"
FROM level0 AS r
ORDER BY r.s0
