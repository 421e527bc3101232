"""A local Snowflake: fakesnow's HTTP server with sign-in, the SQL API, faults and files.

A double for demonstrations and tests, started as
`python -m tajo_sf_pipeline.sandbox.snowflake --home DIR --port PORT`.
The well-known values below open it and nothing else.
"""

DATABASE = "MARKETING_DB"
SCHEMA = "PUBLIC"
USER = "TAJO_INTEGRATION"
PASSWORD = "sandbox-password"
PROGRAMMATIC_ACCESS_TOKEN = "sandbox-pat"
OAUTH_TOKEN = "sandbox-oauth-token"
PRIVATE_KEY_FILE = "tajo_rsa_key.p8"

# Snowflake's own OAuth: a client that was let in once, and keeps a refresh token.
OAUTH_CLIENT_ID = "sandbox-oauth-client"
OAUTH_CLIENT_SECRET = "sandbox-oauth-secret"
OAUTH_REFRESH_TOKEN = "sandbox-refresh-token"

# External OAuth: a client of an identity provider that Snowflake trusts.
EXTERNAL_CLIENT_ID = "sandbox-external-client"
EXTERNAL_CLIENT_SECRET = "sandbox-external-secret"
