-- The orders: baskets with the sum of their lines. Completed 92 %, cancelled 5 %, refunded 3 %, a
-- third of which are the refunds with a negative total. Odd timestamps, 1 order in 1,000 each:
-- updated before it was ordered, ordered at midnight sharp, ordered a microsecond before midnight.

INSERT INTO MARKETING_DB.PUBLIC.ORDERS
WITH totals AS (
    SELECT order_id, sum(quantity * unit_price) AS total_amount
    FROM MARKETING_DB.PUBLIC.ORDER_LINES
    GROUP BY order_id
),
placed AS (
    SELECT
        *,
        bits('order', order_id) AS fate,
        die(fate, 0, 1000) AS oddity
    FROM baskets
    JOIN totals USING (order_id)
)
SELECT
    order_id,
    customer_id,
    CASE oddity
        WHEN 1 THEN date_trunc('day', ordered_at)
        WHEN 2 THEN date_trunc('day', ordered_at) + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND
        ELSE ordered_at
    END AS ordered_at,
    CASE
        WHEN die(luck, 40, 100) < 3 THEN 'refunded'
        WHEN die(luck, 40, 100) < 8 THEN 'cancelled'
        ELSE 'completed'
    END AS status,
    currency,
    total_amount,
    CASE
        WHEN oddity = 0 THEN ordered_at - INTERVAL 1 DAY
        ELSE least(
            ordered_at + to_seconds(60 + CAST(14 * 86400 * pow(fraction(fate, 20), 3) AS BIGINT)),
            closing() - INTERVAL 1 MICROSECOND
        )
    END AS updated_at
FROM placed
ORDER BY order_id;
