"""The Spark engine and the batch jobs; the only package that imports pyspark."""
