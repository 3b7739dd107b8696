"""The neighbours that the demo and the tests need: an archive and a mail server, real ones, on loopback."""
