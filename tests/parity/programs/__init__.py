"""Programs by subject; each shows one piece of behaviour and runs on either engine."""
