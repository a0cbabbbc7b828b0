"""Runs the migrations of the fleet's database on the connection that `Cases.upgrade` gives, in its transaction."""

from alembic import context

from streams.cases.postgres import meta

context.configure(connection=context.config.attributes["connection"], target_metadata=meta, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
