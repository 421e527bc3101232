-- Chance that comes out the same every time: 64 bits of an MD5 of a row's number, cut into dice.
-- Variables that every file reads: `rows` (customers) and `as_of` (the shop's last day).

-- The bits of a row; one topic for each group of facts that should not depend on one another.
CREATE OR REPLACE TEMP MACRO bits(topic, number) AS md5_number_lower(concat(topic, ' ', number));

-- One of 0 .. sides-1; dice of the same bits start eight or more bits apart.
CREATE OR REPLACE TEMP MACRO die(bits, first_bit, sides) AS
    CAST((bits >> first_bit) % sides AS BIGINT);

-- A number from 0 up to, never reaching, 1.
CREATE OR REPLACE TEMP MACRO fraction(bits, first_bit) AS die(bits, first_bit, 1000003) / 1000003;

-- The moment after the last one of the shop.
CREATE OR REPLACE TEMP MACRO closing() AS getvariable('as_of')::TIMESTAMP + INTERVAL 1 DAY;

CREATE OR REPLACE TEMP MACRO seconds_before_closing(number) AS
    closing() - to_seconds(1 + CAST(floor(number) AS BIGINT));
