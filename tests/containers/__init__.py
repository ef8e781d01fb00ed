"""The same tests against every make and version of database: local ones, or images with a Docker engine."""
