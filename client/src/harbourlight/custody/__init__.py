"""What happens between an officer and a custodian when an identity is unsealed; no calls are made.

    officer                                   custodian
    asking.prepare: a brief, a one-time key
                                              answering.check: certificate, signature, ledger
                                              answering.read_reason: why, in words
                                              answering.release: the half, for the one-time key
    opening.open_half: by a custodian's word
    opening.open_identity: who reports

The platform carries all of it and can read or make none of it. A custodian releases nothing for a
request that is not in the ledger: there the company, and whoever helps it, can find it.
"""
