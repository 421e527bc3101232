-- One row for each customer: a plain segment, and the RFM class behind it.
-- Recency, frequency and money are each cut into fifths of the customers who bought (5 is best).
WITH purchases AS (
    SELECT
        customer_id,
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
        last_order_at,
        orders,
        NTILE(5) OVER (ORDER BY last_order_at, customer_id) AS recency,
        NTILE(5) OVER (ORDER BY orders, customer_id) AS frequency,
        NTILE(5) OVER (ORDER BY revenue, customer_id) AS money
    FROM purchases
)
SELECT
    c.email AS email,
    CASE
        WHEN s.customer_id IS NULL THEN 'Prospect'
        WHEN s.last_order_at < DATEADD(day, -365, :window_end) THEN 'Lapsed'
        WHEN s.recency >= 4 AND s.frequency >= 4 AND s.money >= 4 THEN 'VIP'
        WHEN s.orders = 1 THEN 'New'
        ELSE 'Regular'
    END AS customer_segment,
    CASE
        WHEN s.customer_id IS NULL THEN 'No purchase'
        WHEN s.recency >= 4 AND s.frequency >= 4 AND s.money >= 4 THEN 'Champions'
        WHEN s.recency >= 3 AND s.frequency >= 4 THEN 'Loyal'
        WHEN s.recency >= 4 AND s.frequency >= 2 THEN 'Potential loyalists'
        WHEN s.recency >= 4 THEN 'New customers'
        WHEN s.recency <= 2 AND s.frequency >= 4 AND s.money >= 4 THEN 'Cannot lose them'
        WHEN s.recency <= 2 AND s.frequency >= 3 THEN 'At risk'
        WHEN s.recency = 3 THEN 'Need attention'
        WHEN s.recency = 2 THEN 'Hibernating'
        ELSE 'Lost'
    END AS rfm_class
FROM customers AS c
LEFT JOIN scored AS s ON s.customer_id = c.customer_id
