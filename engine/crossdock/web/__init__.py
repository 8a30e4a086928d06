"""What crossdock shows over HTTP."""
