"""What performs the engine's effects: on threads, or on asyncio. The only place that waits."""
