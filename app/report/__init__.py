"""What a result mail says: values in, text and bytes out; no clock, no database, no network."""
