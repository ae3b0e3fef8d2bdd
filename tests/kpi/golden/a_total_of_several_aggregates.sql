-- $s0 = 2026-01-01 to 2026-01-01 (1)
-- $first_k0 = 2026-01-01
-- $last_k0 = 2026-01-01
-- $low0 = 2025-12-31 23:00:00
-- $high0 = 2026-06-30 22:00:00
WITH periods AS (
  SELECT *, CASE WHEN s0 BETWEEN $first_k0 AND $last_k0 THEN 0 END AS k0
  FROM (SELECT unnest($s0) AS s0)
),
f0 AS (
  SELECT count_if("t"."score" >= 9) AS a0, count("t"."score" >= 9) AS a1, count_if("t"."score" <= 6) AS a2, count("t"."score" <= 6) AS a3, count("t"."score") AS a4
  FROM main."surveys" AS t
  WHERE t."answered_at" >= $low0 AND t."answered_at" < $high0 AND (NOT "t"."test")
)
SELECT 100 * ((coalesce(CASE WHEN f0.a1 > 0 THEN f0.a0 END, p.k0)) - (coalesce(CASE WHEN f0.a3 > 0 THEN f0.a2 END, p.k0))) / NULLIF((coalesce(nullif(f0.a4, 0), p.k0)), 0) AS "nps", coalesce(greatest(f0.a1, f0.a3, f0.a4), 0) AS "nps n"
FROM periods AS p
  LEFT JOIN f0 ON true
