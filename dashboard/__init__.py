"""The Streamlit dashboard: one SQLite file, answered by looking."""
