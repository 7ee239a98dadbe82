"""Bytes: segments, manifests and uploads, in a folder or in S3."""
