"""What the `sql` connector knows of queries, cursors, and each kind of database."""
