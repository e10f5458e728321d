"""The road to a team's MLflow server and back, over its REST API."""
