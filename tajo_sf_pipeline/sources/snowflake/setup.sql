-- Run as ACCOUNTADMIN, once. It gives the sync the least that it needs: to read the tables that
-- its queries name, on a warehouse of its own that cannot cost more than its monitor allows.
CREATE ROLE IF NOT EXISTS $role;
GRANT ROLE $role TO ROLE SYSADMIN;

CREATE RESOURCE MONITOR IF NOT EXISTS ${warehouse}_MONITOR WITH CREDIT_QUOTA = 10 FREQUENCY = MONTHLY
  START_TIMESTAMP = IMMEDIATELY TRIGGERS ON 75 PERCENT DO NOTIFY ON 90 PERCENT DO SUSPEND;
CREATE WAREHOUSE IF NOT EXISTS $warehouse WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE
  INITIALLY_SUSPENDED = TRUE STATEMENT_TIMEOUT_IN_SECONDS = $statement_timeout
  RESOURCE_MONITOR = ${warehouse}_MONITOR;
GRANT USAGE ON WAREHOUSE $warehouse TO ROLE $role;

GRANT USAGE ON DATABASE $database TO ROLE $role;
$grants

-- For a ledger in the warehouse, later; leave it out to stay read-only.
CREATE SCHEMA IF NOT EXISTS $database.TAJO_STATE WITH MANAGED ACCESS;
GRANT USAGE, CREATE TABLE ON SCHEMA $database.TAJO_STATE TO ROLE $role;

CREATE USER IF NOT EXISTS $user TYPE = SERVICE DEFAULT_ROLE = $role DEFAULT_WAREHOUSE = $warehouse
  DEFAULT_SECONDARY_ROLES = ();
GRANT ROLE $role TO USER $user;

-- The addresses that the sync comes from, in place of 203.0.113.7.
CREATE NETWORK RULE IF NOT EXISTS $database.TAJO_STATE.TAJO_ADDRESSES MODE = INGRESS TYPE = IPV4
  VALUE_LIST = ('203.0.113.7/32');
CREATE NETWORK POLICY IF NOT EXISTS TAJO_POLICY
  ALLOWED_NETWORK_RULE_LIST = ('$database.TAJO_STATE.TAJO_ADDRESSES');
ALTER USER $user SET NETWORK_POLICY = TAJO_POLICY;

-- Its fingerprint is $fingerprint: DESC USER shows it as ${slot}_FP.
ALTER USER $user SET $slot = '$public_key';
