-- One row for each customer who bought: what they are worth, and how likely they are to be gone.
-- predicted_churn grows from 0 to 1 with the days since the last order, measured against the
-- customer's own rhythm: after one usual gap 0.39, after two 0.63, after five 0.92.
WITH purchases AS (
    SELECT
        customer_id,
        MIN(ordered_at) AS first_order_at,
        MAX(ordered_at) AS last_order_at,
        COUNT(*) AS orders,
        SUM(total_amount) AS revenue
    FROM orders
    WHERE status = 'completed' AND ordered_at < :window_end
    GROUP BY customer_id
),
scored AS (
    SELECT
        customer_id,
        orders,
        revenue,
        last_order_at,
        DATEDIFF('day', last_order_at, :window_end) AS days_since,
        CASE
            WHEN orders = 1 THEN 90
            ELSE GREATEST(DATEDIFF('day', first_order_at, last_order_at) / (orders - 1), 14)
        END AS usual_gap,
        NTILE(5) OVER (ORDER BY last_order_at, customer_id) AS recency,
        NTILE(5) OVER (ORDER BY orders, customer_id) AS frequency,
        NTILE(5) OVER (ORDER BY revenue, customer_id) AS money
    FROM purchases
)
SELECT
    c.email AS email,
    s.revenue AS ltv_score,
    s.recency * 100 + s.frequency * 10 + s.money AS rfm_score,
    s.orders AS total_orders,
    CAST(s.last_order_at AS DATE) AS last_purchase_date,
    ROUND(1 - EXP(-s.days_since / (2 * s.usual_gap)), 3) AS predicted_churn
FROM scored AS s
INNER JOIN customers AS c ON c.customer_id = s.customer_id
