"""A script for the cases beside it."""
