-- $s0 = 2026-01-01 to 2026-04-01 (2)
-- $first_k0 = 2026-01-01
-- $last_k0 = 2026-04-01
-- $first_k1 = 2026-01-01
-- $last_k1 = 2026-04-01
-- $low0 = 2025-12-31 23:00:00
-- $high0 = 2026-06-30 22:00:00
-- $clock0_1 = 2026-03-29 01:00:00
-- $low1 = 2025-12-31 23:00:00
-- $high1 = 2026-06-30 22:00:00
-- $clock1_1 = 2026-03-29 01:00:00
-- $w0_0 = EMEA
-- $w0_1 = it's
-- $w1_0 = x
WITH periods AS (
  SELECT *, CASE WHEN s0 BETWEEN $first_k0 AND $last_k0 THEN 0 END AS k0, CASE WHEN s0 BETWEEN $first_k1 AND $last_k1 THEN 0 END AS k1
  FROM (SELECT unnest($s0) AS s0)
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
level0 AS (
  SELECT p.*, k.d0, (coalesce(nullif(f0.a0, 0), p.k0)) AS v_m0, coalesce(f0.a0, 0) AS n_m0, (coalesce(nullif(f1.a0, 0), p.k1)) AS v_m1, coalesce(f1.a0, 0) AS n_m1, coalesce((f1.a1), CASE WHEN p.k1 = 0 THEN 0.0 END) AS v_m2, coalesce(f1.a2, 0) AS n_m2
  FROM periods AS p CROSS JOIN keys AS k
  LEFT JOIN f0 ON f0.period = p.s0 AND f0.d0 IS NOT DISTINCT FROM k.d0
  LEFT JOIN f1 ON f1.period = p.s0 AND f1.d0 IS NOT DISTINCT FROM k.d0
),
level1 AS (
  SELECT r.*, 1000 * (r.v_m0) / NULLIF((r.v_m1), 0) AS v_m3, least(r.n_m0, r.n_m1) AS n_m3
  FROM level0 AS r
)
SELECT r.s0 AS period, r.d0 AS "region", 2 * (r.v_m3) AS "twice", r.n_m3 AS "twice n", r.v_m2 AS "revenue", r.n_m2 AS "revenue n"
FROM level1 AS r
ORDER BY r.s0, r.d0 NULLS LAST
