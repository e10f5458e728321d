"""Training curves: from points to panels."""
