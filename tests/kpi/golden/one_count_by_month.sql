-- $s0 = 2026-01-01 to 2026-06-01 (6)
-- $first_k0 = 2026-01-01
-- $last_k0 = 2026-06-01
-- $low0 = 2025-12-31 23:00:00
-- $high0 = 2026-06-30 22:00:00
-- $clock0_1 = 2026-03-29 01:00:00
WITH periods AS (
  SELECT *, CASE WHEN s0 BETWEEN $first_k0 AND $last_k0 THEN 0 END AS k0
  FROM (SELECT unnest($s0) AS s0)
),
f0 AS (
  SELECT t._day - CAST(day(t._day) - 1 AS INTEGER) AS period, count(*) AS a0
  FROM (SELECT *, CAST(make_timestamp(epoch_us(t."opened_at") + CASE WHEN t."opened_at" < $clock0_1 THEN 3600000000 ELSE 7200000000 END) AS DATE) AS _day FROM main."incidents" AS t) AS t
  WHERE t."opened_at" >= $low0 AND t."opened_at" < $high0
  GROUP BY 1
)
SELECT p.s0 AS period, (coalesce(nullif(f0.a0, 0), p.k0)) AS "opened", coalesce(f0.a0, 0) AS "opened n"
FROM periods AS p
  LEFT JOIN f0 ON f0.period = p.s0
ORDER BY p.s0
