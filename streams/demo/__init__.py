"""One working day of four groups, to see the whole product at work: the day, its fleet, the player, the screen."""
