"""What anyone can check without asking anyone: receipts, checkpoints, signed notes, Merkle proofs.

Nothing here makes a call or trusts a service; what is read is foreign, and bounded in size.
"""
