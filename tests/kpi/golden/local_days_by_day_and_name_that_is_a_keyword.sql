-- $s0 = 2026-01-01 to 2026-01-07 (7)
-- $e0 = 2026-01-02 to 2026-01-08 (7)
-- $low0 = 2026-01-01
-- $high0 = 2026-01-08
-- $low1 = 2025-12-31 23:00:00
-- $high1 = 2026-01-07 23:00:00
-- $first_k0 = 2026-01-01
-- $fresh_k0 = 2026-07-01
-- $first_k1 = 2026-01-01
-- $fresh_k1 = 2026-07-01
WITH periods AS (
  SELECT unnest($s0) AS s0, unnest($e0) AS e0
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
),
grid AS (
  SELECT p.*, k.d0, coalesce(p.e0 > $first_k0 AND p.s0 <= $fresh_k0, false) AS k0, coalesce(p.e0 > $first_k1 AND p.s0 <= $fresh_k1, false) AS k1 FROM periods AS p CROSS JOIN keys AS k
),
level0 AS (
  SELECT g.*, (f0.a0) AS v_m0, coalesce(f0.a1, 0) AS n_m0, (CASE WHEN f1.a0 > 0 THEN f1.a0 WHEN g.k1 THEN 0 END) AS v_m1, coalesce(f1.a0, 0) AS n_m1
  FROM grid AS g
  LEFT JOIN f0 ON f0.period = g.s0 AND f0.d0 IS NOT DISTINCT FROM g.d0
  LEFT JOIN f1 ON f1.period = g.s0 AND f1.d0 IS NOT DISTINCT FROM g.d0
)
SELECT s0 AS period, d0 AS "region", v_m0 AS "visits", n_m0 AS "visits n", v_m1 AS "orders", n_m1 AS "orders n"
FROM level0 AS r
ORDER BY r.s0, r.d0 NULLS LAST
