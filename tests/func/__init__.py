"""The functional API, on both drivers."""
