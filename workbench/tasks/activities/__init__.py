"""Activities: control ones run in the service, extract ones in the workers."""
