"""Door: `otgraph.checkpoint`; the names live in `.base`, `.memory`, `.sqlite` and `.serde`."""
