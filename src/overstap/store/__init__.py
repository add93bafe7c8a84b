"""The database: tables, claims, transactions, queries and migrations; the only importer of SQLModel and SQLAlchemy."""
