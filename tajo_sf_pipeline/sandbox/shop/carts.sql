-- The carts: one for every fifth order that was completed, and for 30 % of the customers one of
-- the last 60 days that became no order. Such a cart counts as abandoned after four quiet hours.

INSERT INTO MARKETING_DB.PUBLIC.CARTS
WITH bought AS (
    SELECT
        customer_id,
        ordered_at - to_seconds(300 + die(bits('cart', order_id), 0, 7200)) AS created_at,
        ordered_at AS updated_at,
        order_id,
        item_count,
        total_amount,
        currency
    FROM MARKETING_DB.PUBLIC.ORDERS
    JOIN (
        SELECT order_id, sum(quantity) AS item_count
        FROM MARKETING_DB.PUBLIC.ORDER_LINES
        GROUP BY order_id
    ) USING (order_id)
    WHERE status = 'completed' AND order_id % 5 = 0
),
filled AS (
    SELECT
        customer_id,
        currency,
        bits('left', customer_id) AS chance,
        greatest(customers.created_at, seconds_before_closing(60 * 86400 * fraction(chance, 8)))
            AS created_at,
        price
    FROM MARKETING_DB.PUBLIC.CUSTOMERS AS customers
    JOIN countries USING (country_code)
    JOIN products ON products.face = die(bits('left', customer_id), 20, 47)
    WHERE die(bits('left', customer_id), 0, 10) < 3
),
left_behind AS (
    SELECT
        customer_id,
        created_at,
        least(created_at + to_seconds(die(chance, 30, 5400)), closing() - INTERVAL 1 SECOND)
            AS updated_at,
        NULL::BIGINT AS order_id,
        1 + die(chance, 40, 4) AS item_count,
        price * item_count AS total_amount,
        currency
    FROM filled
)
SELECT
    row_number() OVER (ORDER BY created_at, customer_id, order_id) AS cart_id,
    customer_id,
    created_at,
    updated_at,
    CASE
        WHEN order_id IS NULL AND updated_at + INTERVAL 4 HOUR < closing()
        THEN updated_at + INTERVAL 4 HOUR
    END AS abandoned_at,
    order_id,
    item_count,
    total_amount,
    currency
FROM (FROM bought UNION ALL BY NAME FROM left_behind);
