"""What programs and Prometheus are told."""
