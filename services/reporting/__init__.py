"""Companies come forward: markers, reports, amendments."""
