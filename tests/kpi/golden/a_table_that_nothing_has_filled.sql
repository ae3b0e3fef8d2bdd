-- $s0 = 2026-01-01 to 2026-06-01 (6)
-- $e0 = 2026-02-01 to 2026-07-01 (6)
-- $low0 = 2025-12-31 23:00:00
-- $high0 = 2026-06-30 22:00:00
-- $clock0_1 = 2026-03-29 01:00:00
-- $first_k0 = 2026-01-01
-- $fresh_k0 = 2026-07-01
-- $first_k1 = None
-- $fresh_k1 = None
WITH periods AS (
  SELECT unnest($s0) AS s0, unnest($e0) AS e0
),
f0 AS (
  SELECT d."month" AS period, t."region" AS d0, count(*) AS a0
  FROM main."incidents" AS t JOIN kpi.days AS d ON d.day = CAST(make_timestamp(epoch_us(t."opened_at") + CASE WHEN t."opened_at" < $clock0_1 THEN 3600000000 ELSE 7200000000 END) AS DATE)
  WHERE t."opened_at" >= $low0 AND t."opened_at" < $high0
  GROUP BY 1, 2
),
f1 AS (
  SELECT NULL::DATE AS period, NULL::VARCHAR AS d0, NULL::BIGINT AS a0, NULL::BIGINT AS a1, NULL::BIGINT AS a2, NULL::BIGINT AS a3, NULL::BIGINT AS a4 WHERE false
),
keys AS (
  SELECT DISTINCT d0 FROM (SELECT d0 FROM f0 UNION ALL SELECT d0 FROM f1)
),
grid AS (
  SELECT p.*, k.d0, coalesce(p.e0 > $first_k0 AND p.s0 <= $fresh_k0, false) AS k0, coalesce(p.e0 > $first_k1 AND p.s0 <= $fresh_k1, false) AS k1 FROM periods AS p CROSS JOIN keys AS k
),
level0 AS (
  SELECT g.*, (CASE WHEN f0.a0 > 0 THEN f0.a0 WHEN g.k0 THEN 0 END) AS v_m0, coalesce(f0.a0, 0) AS n_m0, 100 * ((CASE WHEN f1.a1 > 0 THEN f1.a0 WHEN g.k1 THEN 0 END) - (CASE WHEN f1.a3 > 0 THEN f1.a2 WHEN g.k1 THEN 0 END)) / NULLIF((CASE WHEN f1.a4 > 0 THEN f1.a4 WHEN g.k1 THEN 0 END), 0) AS v_m1, coalesce(greatest(f1.a1, f1.a3, f1.a4), 0) AS n_m1
  FROM grid AS g
  LEFT JOIN f0 ON f0.period = g.s0 AND f0.d0 IS NOT DISTINCT FROM g.d0
  LEFT JOIN f1 ON f1.period = g.s0 AND f1.d0 IS NOT DISTINCT FROM g.d0
)
SELECT s0 AS period, d0 AS "region", v_m0 AS "opened", n_m0 AS "opened n", v_m1 AS "nps", n_m1 AS "nps n"
FROM level0 AS r
ORDER BY r.s0, r.d0 NULLS LAST
