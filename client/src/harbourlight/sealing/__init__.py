"""What the platform must not read is sealed here, in the client, and opened here.

`hpke` seals a key to a recipient, `identity` who reports (split in two), `content` what is
written, `stream` files, `signed` says who wrote it, `warnings` what would give its writer away.
The formats are in docs/reference/trust-formats.md.
"""
