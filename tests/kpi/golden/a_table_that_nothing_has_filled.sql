-- $s0 = 2026-01-01 to 2026-06-01 (6)
-- $first_k0 = 2026-01-01
-- $last_k0 = 2026-06-01
-- $first_k1 = None
-- $last_k1 = None
-- $low0 = 2025-12-31 23:00:00
-- $high0 = 2026-06-30 22:00:00
-- $clock0_1 = 2026-03-29 01:00:00
WITH periods AS (
  SELECT *, CASE WHEN s0 BETWEEN $first_k0 AND $last_k0 THEN 0 END AS k0, CASE WHEN s0 BETWEEN $first_k1 AND $last_k1 THEN 0 END AS k1
  FROM (SELECT unnest($s0) AS s0)
),
f0 AS (
  SELECT t._day - CAST(day(t._day) - 1 AS INTEGER) AS period, t."region" AS d0, count(*) AS a0
  FROM (SELECT *, CAST(make_timestamp(epoch_us(t."opened_at") + CASE WHEN t."opened_at" < $clock0_1 THEN 3600000000 ELSE 7200000000 END) AS DATE) AS _day FROM main."incidents" AS t) AS t
  WHERE t."opened_at" >= $low0 AND t."opened_at" < $high0
  GROUP BY 1, 2
),
f1 AS (
  SELECT NULL::DATE AS period, NULL::VARCHAR AS d0, NULL::BIGINT AS a0, NULL::BIGINT AS a1, NULL::BIGINT AS a2, NULL::BIGINT AS a3, NULL::BIGINT AS a4 WHERE false
),
keys AS (
  SELECT DISTINCT d0 FROM (SELECT d0 FROM f0 UNION ALL SELECT d0 FROM f1)
)
SELECT p.s0 AS period, k.d0 AS "region", (coalesce(nullif(f0.a0, 0), p.k0)) AS "opened", coalesce(f0.a0, 0) AS "opened n", 100 * ((coalesce(CASE WHEN f1.a1 > 0 THEN f1.a0 END, p.k1)) - (coalesce(CASE WHEN f1.a3 > 0 THEN f1.a2 END, p.k1))) / NULLIF((coalesce(nullif(f1.a4, 0), p.k1)), 0) AS "nps", coalesce(greatest(f1.a1, f1.a3, f1.a4), 0) AS "nps n"
FROM periods AS p CROSS JOIN keys AS k
  LEFT JOIN f0 ON f0.period = p.s0 AND f0.d0 IS NOT DISTINCT FROM k.d0
  LEFT JOIN f1 ON f1.period = p.s0 AND f1.d0 IS NOT DISTINCT FROM k.d0
ORDER BY p.s0, k.d0 NULLS LAST
