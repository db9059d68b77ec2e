"""Language models: back ends, sampling, constraints, budgets, caches and streams."""
