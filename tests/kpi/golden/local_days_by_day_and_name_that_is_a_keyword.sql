-- $s0 = 2026-01-01 to 2026-01-07 (7)
-- $first_k0 = 2026-01-01
-- $last_k0 = 2026-01-07
-- $first_k1 = 2026-01-01
-- $last_k1 = 2026-01-07
-- $low0 = 2026-01-01
-- $high0 = 2026-01-08
-- $low1 = 2025-12-31 23:00:00
-- $high1 = 2026-01-07 23:00:00
WITH periods AS (
  SELECT *, CASE WHEN s0 BETWEEN $first_k0 AND $last_k0 THEN 0 END AS k0, CASE WHEN s0 BETWEEN $first_k1 AND $last_k1 THEN 0 END AS k1
  FROM (SELECT unnest($s0) AS s0)
),
f0 AS (
  SELECT t."day" AS period, t."region" AS d0, sum("t"."visits") AS a0, count("t"."visits") AS a1
  FROM main."visits" AS t
  WHERE t."day" >= $low0 AND t."day" < $high0
  GROUP BY 1, 2
),
f1 AS (
  SELECT CAST(make_timestamp(epoch_us(t."ordered_at") + 3600000000) AS DATE) AS period, t."region" AS d0, count(*) AS a0
  FROM main."orders" AS t
  WHERE t."ordered_at" >= $low1 AND t."ordered_at" < $high1
  GROUP BY 1, 2
),
keys AS (
  SELECT DISTINCT d0 FROM (SELECT d0 FROM f0 UNION ALL SELECT d0 FROM f1)
)
SELECT p.s0 AS period, k.d0 AS "region", (f0.a0) AS "visits", coalesce(f0.a1, 0) AS "visits n", (coalesce(nullif(f1.a0, 0), p.k1)) AS "orders", coalesce(f1.a0, 0) AS "orders n"
FROM periods AS p CROSS JOIN keys AS k
  LEFT JOIN f0 ON f0.period = p.s0 AND f0.d0 IS NOT DISTINCT FROM k.d0
  LEFT JOIN f1 ON f1.period = p.s0 AND f1.d0 IS NOT DISTINCT FROM k.d0
ORDER BY p.s0, k.d0 NULLS LAST
