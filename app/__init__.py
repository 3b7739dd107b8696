"""Reroll: from a patch series on a list to a verdict that can be believed."""
