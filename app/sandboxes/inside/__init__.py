"""What runs inside a sandbox, under the system's own Python: it imports nothing but itself and the standard library."""
