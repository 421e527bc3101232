-- The customers. Of 10,000 of them, 300 are as real data is:
--     60  e-mail with blanks around it or in upper case (harmless once trimmed)
--     40  e-mail without @
--     20  e-mail with two @
--     30  e-mail with a blank inside
--     40  no e-mail (NULL)
--     20  empty e-mail
--     30  e-mail of the customer before, written in upper case
--     25  first name empty or blank
--     25  birth date NULL
--     10  odd timestamps: created in 1970, or updated before they were created
-- Besides, 0.1 % have an emoji in the first name and 2 % never answered about the newsletter.

INSERT INTO MARKETING_DB.PUBLIC.CUSTOMERS
WITH drawn AS (
    SELECT
        number AS customer_id,
        bits('person', number) AS person,
        bits('life', number) AS life,
        die(bits('dirt', number), 0, 10000) AS dirt
    FROM range(1, getvariable('rows') + 1) AS t(number)
),
named AS (
    SELECT
        drawn.*,
        country_code,
        first_names.name AS first_name,
        last_names.name AS last_name,
        cities.name AS city,
        concat(
            CASE die(person, 40, 4)
                WHEN 0 THEN concat(ascii_letters(first_name), '.', ascii_letters(last_name), '.')
                WHEN 1 THEN concat(ascii_letters(first_name), '.', ascii_letters(last_name))
                WHEN 2 THEN concat(left(ascii_letters(first_name), 1), ascii_letters(last_name), '.')
                ELSE concat(ascii_letters(last_name), '_', ascii_letters(first_name))
            END,
            -- The number keeps addresses apart, whichever way the name is written.
            customer_id,
            '@',
            CASE die(person, 44, 6)
                WHEN 0 THEN 'example.com'
                WHEN 1 THEN 'example.org'
                WHEN 2 THEN 'example.net'
                WHEN 3 THEN 'post.example.net'
                WHEN 4 THEN 'inbox.example.org'
                ELSE 'mail.example.com'
            END
        ) AS address
    FROM drawn
    JOIN country_faces ON country_faces.face = die(person, 0, 100)
    JOIN first_names USING (country_code)
    JOIN last_names USING (country_code)
    JOIN cities USING (country_code)
    WHERE first_names.face = die(person, 8, 24)
      AND last_names.face = die(person, 16, 24)
      AND cities.face = die(person, 24, 12)
),
dated AS (
    SELECT
        *,
        lag(address, 1, address) OVER (ORDER BY customer_id) AS address_before,
        seconds_before_closing(1095 * 86400 * fraction(life, 0)) AS created_at,
        -- More of them lately: half of all changes fall into the last three weeks of ninety days.
        seconds_before_closing(90 * 86400 * pow(fraction(life, 10), 2)) AS touched_at
    FROM named
)
SELECT
    customer_id,
    CASE
        WHEN dirt < 30 THEN concat('  ', address, ' ')
        WHEN dirt < 60 THEN upper(address)
        WHEN dirt < 100 THEN replace(address, '@', '.')
        WHEN dirt < 120 THEN replace(address, '@', '@@')
        WHEN dirt < 150 THEN replace(address, '.', ' .')
        WHEN dirt < 190 THEN NULL
        WHEN dirt < 210 THEN ''
        WHEN dirt < 240 THEN upper(address_before)
        ELSE address
    END AS email,
    CASE
        WHEN dirt BETWEEN 240 AND 251 THEN ''
        WHEN dirt BETWEEN 252 AND 264 THEN '  '
        WHEN dirt >= 9990 THEN concat(first_name, ['🌸', '✨', '🐱'][1 + dirt % 3])
        ELSE first_name
    END AS first_name,
    last_name,
    city,
    country_code,
    CASE
        WHEN dirt NOT BETWEEN 265 AND 289
        THEN getvariable('as_of') - CAST(365 * 16 + 365 * 62 * pow(fraction(life, 20), 1.3) AS INTEGER)
    END AS birth_date,
    CASE WHEN die(life, 30, 100) >= 2 THEN die(life, 30, 100) < 64 END AS newsletter_opt_in,
    CASE WHEN die(life, 36, 10) < 6 THEN CAST(2500 * pow(fraction(life, 40), 3) AS BIGINT) ELSE 0 END
        AS loyalty_points,
    CASE WHEN dirt BETWEEN 290 AND 294 THEN TIMESTAMP '1970-01-01 00:00:00' ELSE created_at END
        AS created_at,
    CASE
        WHEN dirt BETWEEN 295 AND 299 THEN created_at - INTERVAL 1 DAY
        ELSE greatest(created_at, touched_at)
    END AS updated_at
FROM dated
ORDER BY customer_id;
