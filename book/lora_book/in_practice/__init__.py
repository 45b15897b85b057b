"""In practice: what training needs in memory, bases in four bits, and what goes wrong."""
