"""REST under /admin/*: paths, members and statuses as operators' tooling knows them."""
