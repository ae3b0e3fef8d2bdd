-- $s0 = 2026-01-01 to 2026-04-01 (2)
-- $e0 = 2026-04-01 to 2026-07-01 (2)
-- $low0 = 2025-12-31 23:00:00
-- $high0 = 2026-06-30 22:00:00
-- $clock0_1 = 2026-03-29 01:00:00
-- $low1 = 2025-12-31 23:00:00
-- $high1 = 2026-06-30 22:00:00
-- $clock1_1 = 2026-03-29 01:00:00
-- $first_k0 = 2026-01-01
-- $fresh_k0 = 2026-07-01
-- $first_k1 = 2026-01-01
-- $fresh_k1 = 2026-07-01
-- $w0_0 = EMEA
-- $w0_1 = it's
-- $w1_0 = x
WITH periods AS (
  SELECT unnest($s0) AS s0, unnest($e0) AS e0
),
f0 AS (
  SELECT d."quarter" AS period, t."region" AS d0, count(*) AS a0
  FROM main."incidents" AS t JOIN kpi.days AS d ON d.day = CAST(make_timestamp(epoch_us(t."opened_at") + CASE WHEN t."opened_at" < $clock0_1 THEN 3600000000 ELSE 7200000000 END) AS DATE)
  WHERE t."opened_at" >= $low0 AND t."opened_at" < $high0 AND ("t"."region" IN ($w0_0, $w0_1)) AND (NOT "t"."region" = $w1_0)
  GROUP BY 1, 2
),
f1 AS (
  SELECT d."quarter" AS period, t."region" AS d0, count(*) AS a0, sum("t"."amount") AS a1, count("t"."amount") AS a2
  FROM main."orders" AS t JOIN kpi.days AS d ON d.day = CAST(make_timestamp(epoch_us(t."ordered_at") + CASE WHEN t."ordered_at" < $clock1_1 THEN 3600000000 ELSE 7200000000 END) AS DATE)
  WHERE t."ordered_at" >= $low1 AND t."ordered_at" < $high1 AND ("t"."region" IN ($w0_0, $w0_1)) AND (NOT "t"."region" = $w1_0)
  GROUP BY 1, 2
),
keys AS (
  SELECT DISTINCT d0 FROM (SELECT d0 FROM f0 UNION ALL SELECT d0 FROM f1)
),
grid AS (
  SELECT p.*, k.d0, coalesce(p.e0 > $first_k0 AND p.s0 <= $fresh_k0, false) AS k0, coalesce(p.e0 > $first_k1 AND p.s0 <= $fresh_k1, false) AS k1 FROM periods AS p CROSS JOIN keys AS k
),
level0 AS (
  SELECT g.*, (CASE WHEN f0.a0 > 0 THEN f0.a0 WHEN g.k0 THEN 0 END) AS v_m0, coalesce(f0.a0, 0) AS n_m0, (CASE WHEN f1.a0 > 0 THEN f1.a0 WHEN g.k1 THEN 0 END) AS v_m1, coalesce(f1.a0, 0) AS n_m1, coalesce((f1.a1), CASE WHEN g.k1 THEN 0.0 END) AS v_m2, coalesce(f1.a2, 0) AS n_m2
  FROM grid AS g
  LEFT JOIN f0 ON f0.period = g.s0 AND f0.d0 IS NOT DISTINCT FROM g.d0
  LEFT JOIN f1 ON f1.period = g.s0 AND f1.d0 IS NOT DISTINCT FROM g.d0
),
level1 AS (
  SELECT *, 1000 * (v_m0) / NULLIF((v_m1), 0) AS v_m3, least(n_m0, n_m1) AS n_m3 FROM level0
),
level2 AS (
  SELECT *, 2 * (v_m3) AS v_m4, n_m3 AS n_m4 FROM level1
)
SELECT s0 AS period, d0 AS "region", v_m4 AS "twice", n_m4 AS "twice n", v_m2 AS "revenue", n_m2 AS "revenue n"
FROM level2 AS r
ORDER BY r.s0, r.d0 NULLS LAST
