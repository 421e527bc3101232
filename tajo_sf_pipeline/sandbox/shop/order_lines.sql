-- What was bought, line by line. A basket is an order without its total, which is the sum of its
-- lines. Baskets of a customer: none 38 %, one 24 %, two 12 %, three 8 %, four to six 9 %,
-- seven to twelve 6 %, thirteen to thirty 3 %: about 2.4 on average. A product costs the same
-- number in every currency.

CREATE OR REPLACE TEMP TABLE products AS
SELECT row_number() OVER () - 1 AS face, *
FROM (VALUES
    ('TEA-0101', 'Darjeeling First Flush, 100 g', 'Tea & coffee', 12.90),
    ('TEA-0102', 'Earl Grey, 20 bags', 'Tea & coffee', 5.40),
    ('TEA-0103', 'Sencha, 100 g', 'Tea & coffee', 9.80),
    ('TEA-0104', 'Rooibos Vanilla, 250 g', 'Tea & coffee', 8.95),
    ('TEA-0201', 'Espresso Napoli, 1 kg', 'Tea & coffee', 24.50),
    ('TEA-0202', 'Filter Coffee Kenya AA, 250 g', 'Tea & coffee', 13.20),
    ('TEA-0301', 'Teapot "Aino", 1.2 l', 'Tea & coffee', 39.00),
    ('TEA-0302', 'Moka Pot, 6 cups', 'Tea & coffee', 34.90),
    ('HOM-0101', 'Linen Bedding, 140 × 200', 'Home', 129.00),
    ('HOM-0102', 'Wool Blanket', 'Home', 89.00),
    ('HOM-0103', 'Cushion Cover, ochre', 'Home', 19.90),
    ('HOM-0201', 'Scented Candle, fig', 'Home', 22.00),
    ('HOM-0202', 'Scented Candle, cedar', 'Home', 22.00),
    ('HOM-0301', 'Set of 4 Stoneware Bowls', 'Home', 45.00),
    ('HOM-0302', 'Carafe, 1 l', 'Home', 27.50),
    ('HOM-0401', 'Table Lamp "Søren"', 'Home', 149.00),
    ('HOM-0402', 'Jute Rug, 80 × 150', 'Home', 74.90),
    ('BEA-0101', 'Hand Cream, almond', 'Beauty', 9.90),
    ('BEA-0102', 'Hand Cream, calendula', 'Beauty', 9.90),
    ('BEA-0201', 'Face Serum, 30 ml', 'Beauty', 38.00),
    ('BEA-0202', 'Day Cream SPF 30', 'Beauty', 29.50),
    ('BEA-0301', 'Solid Shampoo, rosemary', 'Beauty', 11.50),
    ('BEA-0302', 'Bath Salt, 500 g', 'Beauty', 14.00),
    ('BEA-0401', 'Eau de Toilette, 50 ml', 'Beauty', 59.00),
    ('CLO-0101', 'Merino Scarf', 'Clothing', 49.00),
    ('CLO-0102', 'Beanie, ribbed', 'Clothing', 29.00),
    ('CLO-0201', 'Organic T-Shirt, white', 'Clothing', 24.90),
    ('CLO-0202', 'Organic T-Shirt, navy', 'Clothing', 24.90),
    ('CLO-0203', 'Breton Shirt', 'Clothing', 44.90),
    ('CLO-0301', 'Raincoat, unisex', 'Clothing', 119.00),
    ('CLO-0401', 'Wool Socks, 3 pairs', 'Clothing', 21.50),
    ('CLO-0402', 'Canvas Tote', 'Clothing', 15.00),
    ('GAR-0101', 'Seeds: Sunflower Mix', 'Garden', 3.90),
    ('GAR-0102', 'Seeds: Heirloom Tomatoes', 'Garden', 4.50),
    ('GAR-0201', 'Hand Trowel, ash', 'Garden', 17.90),
    ('GAR-0202', 'Secateurs', 'Garden', 42.00),
    ('GAR-0301', 'Terracotta Pot, 24 cm', 'Garden', 16.50),
    ('GAR-0302', 'Watering Can, 5 l', 'Garden', 36.00),
    ('PAP-0101', 'Notebook A5, dotted', 'Stationery', 13.90),
    ('PAP-0102', 'Weekly Planner', 'Stationery', 18.50),
    ('PAP-0201', 'Fountain Pen, fine', 'Stationery', 27.00),
    ('PAP-0202', 'Ink, sepia, 30 ml', 'Stationery', 11.00),
    ('PAP-0301', 'Greeting Cards, set of 8', 'Stationery', 12.00),
    ('GIF-0025', 'Gift Card 25', 'Gift cards', 25.00),
    ('GIF-0050', 'Gift Card 50', 'Gift cards', 50.00),
    ('GIF-0100', 'Gift Card 100', 'Gift cards', 100.00),
    ('KID-0101', 'Wooden Blocks', 'Children', 32.00)
) AS product(sku, product_name, category, price);

CREATE OR REPLACE TEMP TABLE baskets AS
WITH regulars AS (
    SELECT
        customer_id,
        country_code,
        greatest(created_at, closing() - INTERVAL 730 DAY) AS first_visit,
        bits('habit', customer_id) AS habit,
        die(habit, 0, 1000) AS kind
    FROM MARKETING_DB.PUBLIC.CUSTOMERS
),
counted AS (
    SELECT
        *,
        CASE
            WHEN kind < 380 THEN 0
            WHEN kind < 620 THEN 1
            WHEN kind < 740 THEN 2
            WHEN kind < 820 THEN 3
            WHEN kind < 910 THEN 4 + die(habit, 16, 3)
            WHEN kind < 970 THEN 7 + die(habit, 16, 6)
            ELSE 13 + die(habit, 16, 18)
        END AS baskets
    FROM regulars
),
timed AS (
    SELECT
        customer_id,
        currency,
        bits('basket', customer_id * 100 + n) AS luck,
        first_visit
            + to_seconds(CAST(floor(fraction(luck, 0) * epoch(closing() - first_visit)) AS BIGINT))
            AS ordered_at
    FROM counted
    JOIN countries USING (country_code), range(baskets) AS t(n)
)
-- Order numbers rise with time.
SELECT row_number() OVER (ORDER BY ordered_at, customer_id, luck) + 100000 AS order_id, *
FROM timed;

-- One line 45 %, two 28 %, three 15 %, four 8 %, five 4 %. A line is on sale, 20 % off, in 15 %.
-- 1 % of the baskets are refunds: their quantities, and so their totals, are negative.
INSERT INTO MARKETING_DB.PUBLIC.ORDER_LINES
WITH lines AS (
    SELECT
        order_id,
        n + 1 AS line_number,
        luck,
        -- 13 and the 47 products share no divisor: no product twice in a basket.
        (die(luck, 20, 47) + 13 * n) % 47 AS face,
        bits('line', order_id * 10 + n) AS chance
    FROM baskets,
        range(
            CASE
                WHEN die(luck, 30, 100) < 45 THEN 1
                WHEN die(luck, 30, 100) < 73 THEN 2
                WHEN die(luck, 30, 100) < 88 THEN 3
                WHEN die(luck, 30, 100) < 96 THEN 4
                ELSE 5
            END
        ) AS t(n)
)
SELECT
    order_id,
    line_number,
    sku,
    product_name,
    category,
    CASE WHEN die(chance, 0, 100) < 75 THEN 1 WHEN die(chance, 0, 100) < 93 THEN 2 ELSE 3 END
        * CASE WHEN die(luck, 40, 100) = 0 THEN -1 ELSE 1 END AS quantity,
    round(CASE WHEN die(chance, 16, 100) < 15 THEN price * 0.8 ELSE price END, 2) AS unit_price
FROM lines
JOIN products USING (face)
ORDER BY order_id, line_number;
