"""The script apart from `pages/`: Streamlit takes a folder of that name beside it for its own."""
