-- $s0 = 2026-01-01 to 2026-06-01 (6)
-- $e0 = 2026-02-01 to 2026-07-01 (6)
-- $low0 = 2025-12-31 23:00:00
-- $high0 = 2026-06-30 22:00:00
-- $clock0_1 = 2026-03-29 01:00:00
-- $first_k0 = 2026-01-01
-- $fresh_k0 = 2026-07-01
WITH periods AS (
  SELECT unnest($s0) AS s0, unnest($e0) AS e0
),
f0 AS (
  SELECT d."month" AS period, count(*) AS a0
  FROM main."incidents" AS t JOIN kpi.days AS d ON d.day = CAST(make_timestamp(epoch_us(t."opened_at") + CASE WHEN t."opened_at" < $clock0_1 THEN 3600000000 ELSE 7200000000 END) AS DATE)
  WHERE t."opened_at" >= $low0 AND t."opened_at" < $high0
  GROUP BY 1
),
grid AS (
  SELECT p.*, coalesce(p.e0 > $first_k0 AND p.s0 <= $fresh_k0, false) AS k0 FROM periods AS p
),
level0 AS (
  SELECT g.*, (CASE WHEN f0.a0 > 0 THEN f0.a0 WHEN g.k0 THEN 0 END) AS v_m0, coalesce(f0.a0, 0) AS n_m0
  FROM grid AS g
  LEFT JOIN f0 ON f0.period = g.s0
)
SELECT s0 AS period, v_m0 AS "opened", n_m0 AS "opened n"
FROM level0 AS r
ORDER BY r.s0
