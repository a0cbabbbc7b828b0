"""Pages that are made from packs: one for each pack in `docs/packs/`, and one of what all of them cover."""
