"""A known workload on its way through a real Collector into a real Jaeger and a real Prometheus."""
