-- $s0 = 2025-12-29 to 2026-06-29 (27)
-- $e0 = 2026-01-05 to 2026-07-06 (27)
-- $low0 = 2025-12-28 23:00:00
-- $high0 = 2026-07-05 22:00:00
-- $clock0_1 = 2026-03-29 01:00:00
-- $low1 = 2025-12-28 23:00:00
-- $high1 = 2026-07-05 22:00:00
-- $clock1_1 = 2026-03-29 01:00:00
-- $first_k0 = 2026-01-01
-- $fresh_k0 = 2026-07-01
WITH periods AS (
  SELECT unnest($s0) AS s0, unnest($e0) AS e0
),
f0 AS (
  SELECT d."week" AS period, count(*) AS a0, count(*) FILTER (WHERE ("t"."severity" IN ('sev1', 'sev2'))) AS a1, median(CAST(((EPOCH_US("t"."resolved_at") - EPOCH_US("t"."opened_at")) / 3600000000.0) AS DOUBLE)) AS a2, count(((EPOCH_US("t"."resolved_at") - EPOCH_US("t"."opened_at")) / 3600000000.0)) AS a3
  FROM main."incidents" AS t JOIN kpi.days AS d ON d.day = CAST(make_timestamp(epoch_us(t."opened_at") + CASE WHEN t."opened_at" < $clock0_1 THEN 3600000000 ELSE 7200000000 END) AS DATE)
  WHERE t."opened_at" >= $low0 AND t."opened_at" < $high0
  GROUP BY 1
),
f1 AS (
  SELECT d."week" AS period, count(*) AS a0
  FROM main."incidents" AS t JOIN kpi.days AS d ON d.day = CAST(make_timestamp(epoch_us(t."resolved_at") + CASE WHEN t."resolved_at" < $clock1_1 THEN 3600000000 ELSE 7200000000 END) AS DATE)
  WHERE t."resolved_at" >= $low1 AND t."resolved_at" < $high1
  GROUP BY 1
),
grid AS (
  SELECT p.*, coalesce(p.e0 > $first_k0 AND p.s0 <= $fresh_k0, false) AS k0 FROM periods AS p
),
level0 AS (
  SELECT g.*, (CASE WHEN f0.a0 > 0 THEN f0.a0 WHEN g.k0 THEN 0 END) AS v_m0, coalesce(f0.a0, 0) AS n_m0, (CASE WHEN f0.a1 > 0 THEN f0.a1 WHEN g.k0 THEN 0 END) AS v_m1, coalesce(f0.a1, 0) AS n_m1, (f0.a2) AS v_m3, coalesce(f0.a3, 0) AS n_m3, (CASE WHEN f1.a0 > 0 THEN f1.a0 WHEN g.k0 THEN 0 END) AS v_m2, coalesce(f1.a0, 0) AS n_m2
  FROM grid AS g
  LEFT JOIN f0 ON f0.period = g.s0
  LEFT JOIN f1 ON f1.period = g.s0
)
SELECT s0 AS period, v_m0 AS "opened", n_m0 AS "opened n", v_m1 AS "urgent", n_m1 AS "urgent n", v_m2 AS "restored", n_m2 AS "restored n", v_m3 AS "time_to_restore", n_m3 AS "time_to_restore n"
FROM level0 AS r
ORDER BY r.s0
