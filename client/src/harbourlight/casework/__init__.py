"""What company and desk seal to each other and read of each other, over `sealing` and `keys`.

`written` says what was written and by whom; `reporter` is the company's side, `desk` the desk's.
Nothing here makes calls: `Company` and `Authority` do.
"""
