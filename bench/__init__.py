"""Measurements: each compares in one run, or counts; none is a timed test."""
