"""Door: `otgraph.checkpoint.serde`; the names live in `.base`, `.jsonplus`, `.encrypted` and `.types`."""
