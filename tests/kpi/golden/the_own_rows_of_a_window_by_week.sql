-- $s0 = 2025-12-29 to 2026-06-29 (27)
-- $first_k0 = 2025-12-29
-- $last_k0 = 2026-06-29
-- $low0 = 2025-12-28 23:00:00
-- $high0 = 2026-07-05 22:00:00
-- $clock0_1 = 2026-03-29 01:00:00
-- $week0 = 2025-12-29
WITH periods AS (
  SELECT *, CASE WHEN s0 BETWEEN $first_k0 AND $last_k0 THEN 0 END AS k0
  FROM (SELECT unnest($s0) AS s0)
),
f0 AS (
  SELECT $week0 + CAST((CAST(make_timestamp(epoch_us(t."answered_at") + CASE WHEN t."answered_at" < $clock0_1 THEN 3600000000 ELSE 7200000000 END) AS DATE) - $week0) // 7 * 7 AS INTEGER) AS period, count_if("t"."score" >= 9) AS a0, count("t"."score" >= 9) AS a1, count_if("t"."score" <= 6) AS a2, count("t"."score" <= 6) AS a3, count("t"."score") AS a4
  FROM main."surveys" AS t
  WHERE t."answered_at" >= $low0 AND t."answered_at" < $high0
  GROUP BY 1
)
SELECT p.s0 AS period, 100 * ((coalesce(CASE WHEN f0.a1 > 0 THEN f0.a0 END, p.k0)) - (coalesce(CASE WHEN f0.a3 > 0 THEN f0.a2 END, p.k0))) / NULLIF((coalesce(nullif(f0.a4, 0), p.k0)), 0) AS "recent_nps", coalesce(greatest(f0.a1, f0.a3, f0.a4), 0) AS "recent_nps n"
FROM periods AS p
  LEFT JOIN f0 ON f0.period = p.s0
ORDER BY p.s0
