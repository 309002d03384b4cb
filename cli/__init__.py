"""The operator's and newcomer's command line."""
