"""How each table is brought up to date: bronze from landing, silver from bronze, gold from silver."""
