"""How the ports meet the world: HTTP, git, make, QEMU, SMTP."""
