"""What people read: the answer first, then why, then what next; one line a fact."""
