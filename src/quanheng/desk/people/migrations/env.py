"""What Alembic runs: the migrations on the connection that `database.migrate` gives."""

from alembic import context

from quanheng.desk.people.schema import META

_given = context.config.attributes.get("connection")
if _given is None:  # SQL as text, for a database that somebody else administers
    context.configure(
        url=context.config.get_main_option("sqlalchemy.url"),
        target_metadata=META,
        literal_binds=True,
    )
else:
    context.configure(connection=_given, target_metadata=META)
with context.begin_transaction():
    context.run_migrations()
