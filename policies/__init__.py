"""Policy packs as data, and the pure functions over them: lint, judge, ladders, notices."""
