"""Where rows come from: one file a system, all alike."""
