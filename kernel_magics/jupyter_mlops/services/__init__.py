"""One function per deed; no deed without its line in the audit log."""
