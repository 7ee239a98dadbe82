"""The typed HTTP client that commands, magics and the Jupyter server share."""
