"""Referrals as authorities handle them: states and rules, without any I/O or clock."""
