SELECT
    email,
    first_name,
    last_name,
    city,
    country_code,
    birth_date,
    newsletter_opt_in,
    loyalty_points,
    created_at,
    updated_at
FROM customers
