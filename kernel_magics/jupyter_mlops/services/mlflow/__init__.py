"""What MLflow keeps of its registry, in a folder or a database, read without MLflow."""
