"""Runs that survive: handed from one process, engine or saver to another, killed, repeated, and fed with rubbish."""
