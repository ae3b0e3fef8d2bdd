-- $s0 = 2025-12-29 to 2026-06-29 (27)
-- $first_k0 = 2025-12-29
-- $last_k0 = 2026-06-29
-- $high0 = 2026-01-04 23:00:00 to 2026-07-05 22:00:00 (27)
-- $low0 = 2025-10-06 22:00:00 to 2026-04-06 22:00:00 (27)
-- $w0_p = 2025-12-29 to 2026-06-29 (27)
WITH periods AS (
  SELECT *, CASE WHEN s0 BETWEEN $first_k0 AND $last_k0 THEN 0 END AS k0
  FROM (SELECT unnest($s0) AS s0)
),
w0 AS (
  SELECT unnest($w0_p) AS w0_p, unnest($low0) AS low0, unnest($high0) AS high0
),
f0 AS (
  SELECT w.w0_p AS period, count_if("t"."score" >= 9) AS a0, count("t"."score" >= 9) AS a1, count_if("t"."score" <= 6) AS a2, count("t"."score" <= 6) AS a3, count("t"."score") AS a4
  FROM main."surveys" AS t JOIN w0 AS w ON true
  WHERE t."answered_at" < w.high0 AND t."answered_at" >= w.low0
  GROUP BY 1
)
SELECT p.s0 AS period, 100 * ((coalesce(CASE WHEN f0.a1 > 0 THEN f0.a0 END, p.k0)) - (coalesce(CASE WHEN f0.a3 > 0 THEN f0.a2 END, p.k0))) / NULLIF((coalesce(nullif(f0.a4, 0), p.k0)), 0) AS "recent_nps", coalesce(greatest(f0.a1, f0.a3, f0.a4), 0) AS "recent_nps n"
FROM periods AS p
  LEFT JOIN f0 ON f0.period = p.s0
ORDER BY p.s0
