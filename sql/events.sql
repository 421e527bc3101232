-- One row for each order that was completed and each cart that was left behind in the window.
-- An order is told by its own number and a cart by its own, so that none is sent twice.
SELECT
    'order_completed' AS event_name,
    CONCAT('order-', o.order_id) AS event_id,
    o.ordered_at AS happened_at,
    c.email AS email,
    o.order_id AS order_id,
    o.total_amount AS total_amount,
    o.currency AS currency,
    o.items AS item_count
FROM (
    SELECT
        orders.order_id,
        orders.customer_id,
        orders.ordered_at,
        orders.total_amount,
        orders.currency,
        SUM(order_lines.quantity) AS items
    FROM orders
    INNER JOIN order_lines ON order_lines.order_id = orders.order_id
    WHERE
        orders.status = 'completed'
        AND orders.ordered_at >= :window_start
        AND orders.ordered_at < :window_end
    GROUP BY
        orders.order_id, orders.customer_id, orders.ordered_at, orders.total_amount, orders.currency
) AS o
INNER JOIN customers AS c ON c.customer_id = o.customer_id
UNION ALL
SELECT
    'cart_abandoned' AS event_name,
    CONCAT('cart-', k.cart_id) AS event_id,
    k.abandoned_at AS happened_at,
    c.email AS email,
    NULL AS order_id,
    k.total_amount AS total_amount,
    k.currency AS currency,
    k.item_count AS item_count
FROM carts AS k
INNER JOIN customers AS c ON c.customer_id = k.customer_id
WHERE k.abandoned_at >= :window_start AND k.abandoned_at < :window_end
