-- $s0 = 2026-01-01 to 2026-01-01 (1)
-- $e0 = 2026-07-01 to 2026-07-01 (1)
-- $low0 = 2025-12-31 23:00:00
-- $high0 = 2026-06-30 22:00:00
-- $first_k0 = 2026-01-01
-- $fresh_k0 = 2026-07-01
WITH periods AS (
  SELECT unnest($s0) AS s0, unnest($e0) AS e0
),
f0 AS (
  SELECT count_if("t"."score" >= 9) AS a0, count("t"."score" >= 9) AS a1, count_if("t"."score" <= 6) AS a2, count("t"."score" <= 6) AS a3, count("t"."score") AS a4
  FROM main."surveys" AS t
  WHERE t."answered_at" >= $low0 AND t."answered_at" < $high0 AND (NOT "t"."test")
),
grid AS (
  SELECT p.*, coalesce(p.e0 > $first_k0 AND p.s0 <= $fresh_k0, false) AS k0 FROM periods AS p
),
level0 AS (
  SELECT g.*, 100 * ((CASE WHEN f0.a1 > 0 THEN f0.a0 WHEN g.k0 THEN 0 END) - (CASE WHEN f0.a3 > 0 THEN f0.a2 WHEN g.k0 THEN 0 END)) / NULLIF((CASE WHEN f0.a4 > 0 THEN f0.a4 WHEN g.k0 THEN 0 END), 0) AS v_m0, coalesce(greatest(f0.a1, f0.a3, f0.a4), 0) AS n_m0
  FROM grid AS g
  LEFT JOIN f0 ON true
)
SELECT v_m0 AS "nps", n_m0 AS "nps n"
FROM level0 AS r
