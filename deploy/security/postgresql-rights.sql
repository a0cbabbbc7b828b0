-- Rights at single tables, after each migration (`xunqun cases upgrade` as xunqun_owner); as xunqun_owner:
--   psql -d xunqun -v ON_ERROR_STOP=1 -f postgresql-rights.sql

-- What people decided and asked for is added to and never changed: not by a worker either.
REVOKE UPDATE, DELETE, TRUNCATE ON decisions, appeals FROM xunqun_worker;
-- But who is erased is taken out of the texts: who decided what, on what and when is in columns of their own.
GRANT UPDATE (body) ON decisions TO xunqun_worker;
GRANT UPDATE (body, subject) ON appeals TO xunqun_worker;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM xunqun_worker;

-- For dashboards and auditors: all but words of members (evidence, dead letters, what waits to go out or to be published).
GRANT SELECT ON
  alembic_version, appeals, decisions, groups_seen, judged, pauses, redriven, reopened, resumed, reviews, sanctions, shadow,
  tasks, unmeasured, verdicts, violations
TO xunqun_reader;
