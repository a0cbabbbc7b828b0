"""Backtest: what a change of pack, list, weights or budgets would have changed, over history, before it takes effect."""
