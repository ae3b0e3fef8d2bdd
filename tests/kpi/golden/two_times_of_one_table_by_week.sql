-- $s0 = 2025-12-29 to 2026-06-29 (27)
-- $first_k0 = 2025-12-29
-- $last_k0 = 2026-06-29
-- $low0 = 2025-12-28 23:00:00
-- $high0 = 2026-07-05 22:00:00
-- $clock0_1 = 2026-03-29 01:00:00
-- $week0 = 2025-12-29
-- $low1 = 2025-12-28 23:00:00
-- $high1 = 2026-07-05 22:00:00
-- $clock1_1 = 2026-03-29 01:00:00
-- $week1 = 2025-12-29
WITH periods AS (
  SELECT *, CASE WHEN s0 BETWEEN $first_k0 AND $last_k0 THEN 0 END AS k0
  FROM (SELECT unnest($s0) AS s0)
),
f0 AS (
  SELECT $week0 + CAST((CAST(make_timestamp(epoch_us(t."opened_at") + CASE WHEN t."opened_at" < $clock0_1 THEN 3600000000 ELSE 7200000000 END) AS DATE) - $week0) // 7 * 7 AS INTEGER) AS period, count(*) AS a0, count(*) FILTER (WHERE "t"."severity" IN ('sev1', 'sev2')) AS a1, median(CAST(((EPOCH_US("t"."resolved_at") - EPOCH_US("t"."opened_at")) / 3600000000.0) AS DOUBLE)) AS a2, count(((EPOCH_US("t"."resolved_at") - EPOCH_US("t"."opened_at")) / 3600000000.0)) AS a3
  FROM main."incidents" AS t
  WHERE t."opened_at" >= $low0 AND t."opened_at" < $high0
  GROUP BY 1
),
f1 AS (
  SELECT $week1 + CAST((CAST(make_timestamp(epoch_us(t."resolved_at") + CASE WHEN t."resolved_at" < $clock1_1 THEN 3600000000 ELSE 7200000000 END) AS DATE) - $week1) // 7 * 7 AS INTEGER) AS period, count(*) AS a0
  FROM main."incidents" AS t
  WHERE t."resolved_at" >= $low1 AND t."resolved_at" < $high1
  GROUP BY 1
)
SELECT p.s0 AS period, (coalesce(nullif(f0.a0, 0), p.k0)) AS "opened", coalesce(f0.a0, 0) AS "opened n", (coalesce(nullif(f0.a1, 0), p.k0)) AS "urgent", coalesce(f0.a1, 0) AS "urgent n", (coalesce(nullif(f1.a0, 0), p.k0)) AS "restored", coalesce(f1.a0, 0) AS "restored n", (f0.a2) AS "time_to_restore", coalesce(f0.a3, 0) AS "time_to_restore n"
FROM periods AS p
  LEFT JOIN f0 ON f0.period = p.s0
  LEFT JOIN f1 ON f1.period = p.s0
ORDER BY p.s0
