"""What a tenant can ask for about its roles."""
