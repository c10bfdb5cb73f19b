"""Debezium's change events of PostgreSQL, MySQL and MariaDB, as rows of `cdc_transformed`."""
